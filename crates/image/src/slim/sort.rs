//! Kinds of bytes that an image need not have.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waste {
    /// Packages that a package manager fetched and installed.
    PackageCache,
    /// A package manager's lists of what there is to install.
    PackageLists,
    /// Caches of pip, npm, cargo, go and others.
    LanguageCache,
    /// Documentation, manual pages, translations.
    Documentation,
    /// Logs and temporary files.
    Temporary,
    /// A later layer deletes them.
    DeletedLater,
    /// A later layer has another file in their place.
    ReplacedLater,
    /// Another file of the image has the same content.
    Duplicate,
}

impl Waste {
    /// What to change.
    pub fn advice(self) -> &'static str {
        match self {
            Self::PackageCache => {
                "run `apt-get clean` (or `apk add --no-cache`, `dnf clean all`) in the same RUN, or keep the cache out \
                 with `RUN --mount=type=cache,target=/var/cache/apt`"
            }
            Self::PackageLists => {
                "end the RUN that runs `apt-get update` with `&& rm -rf /var/lib/apt/lists/*`"
            }
            Self::LanguageCache => {
                "use `pip install --no-cache-dir`, `npm ci --cache /tmp/x && rm -rf /tmp/x`, or a cache mount \
                 (`RUN --mount=type=cache,target=/root/.cache`)"
            }
            Self::Documentation => {
                "before installing, `RUN printf 'path-exclude=/usr/share/%s/*\\n' doc man info locale \
                 > /etc/dpkg/dpkg.cfg.d/no-doc`, or remove them in the same RUN"
            }
            Self::Temporary => "remove them at the end of the same RUN",
            Self::DeletedLater => {
                "delete them in the RUN that makes them: join the two with `&&`, or make them in another stage and \
                 `COPY --from` only what is needed"
            }
            Self::ReplacedLater => {
                "make the final file at once: COPY with --chown/--chmod instead of a RUN that changes owner or mode \
                 afterwards"
            }
            Self::Duplicate => {
                "copy it once and make the other names links (`ln -s`), or leave one out by .dockerignore"
            }
        }
    }

    /// In a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::PackageCache => "package cache",
            Self::PackageLists => "package lists",
            Self::LanguageCache => "language caches",
            Self::Documentation => "documentation",
            Self::Temporary => "logs and temporary files",
            Self::DeletedLater => "deleted later",
            Self::ReplacedLater => "replaced later",
            Self::Duplicate => "duplicates",
        }
    }
}

const KINDS: &[(&str, Waste)] = &[
    ("var/cache/apt", Waste::PackageCache),
    ("var/cache/apk", Waste::PackageCache),
    ("etc/apk/cache", Waste::PackageCache),
    ("var/cache/yum", Waste::PackageCache),
    ("var/cache/dnf", Waste::PackageCache),
    ("var/lib/apt/lists", Waste::PackageLists),
    ("root/.cache", Waste::LanguageCache),
    ("root/.npm", Waste::LanguageCache),
    ("root/.cargo/registry", Waste::LanguageCache),
    ("usr/local/cargo/registry", Waste::LanguageCache),
    ("root/go/pkg/mod/cache", Waste::LanguageCache),
    ("go/pkg/mod/cache", Waste::LanguageCache),
    ("root/.m2/repository", Waste::LanguageCache),
    ("root/.gradle/caches", Waste::LanguageCache),
    ("usr/share/doc", Waste::Documentation),
    ("usr/share/man", Waste::Documentation),
    ("usr/share/info", Waste::Documentation),
    ("usr/share/locale", Waste::Documentation),
    ("usr/local/share/man", Waste::Documentation),
    ("usr/local/share/doc", Waste::Documentation),
    ("var/log", Waste::Temporary),
    ("tmp", Waste::Temporary),
    ("var/tmp", Waste::Temporary),
];

/// What a file is by where it is.
pub(super) fn by_path(path: &Path) -> Option<Waste> {
    let known = KINDS.iter().find(|(dir, _)| path.starts_with(dir)).map(|(_, waste)| *waste);
    let compiled = || {
        let mut parts = path.components();
        parts.any(|part| part.as_os_str() == "__pycache__").then_some(Waste::LanguageCache)
    };
    // Debian's rules ask for the licences to stay.
    let licence = path.file_name().is_some_and(|name| name == "copyright");
    known.filter(|waste| !(licence && *waste == Waste::Documentation)).or_else(compiled)
}

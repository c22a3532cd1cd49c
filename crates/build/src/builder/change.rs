//! Dockerfile instructions applied to a configuration alone, for `commit --change` and `import --change`.

use std::collections::BTreeMap;

use image::ContainerConfig;

use super::copy::destination;
use super::metadata;
use super::state::{Given, State};
use crate::dockerfile::{Kind, ParseError, parse_trigger};
use crate::error::StepError;

/// Why an instruction could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It does not parse.
    #[error("the change {text:?}")]
    Parse {
        /// As given.
        text: String,
        /// What is wrong.
        #[source]
        source: Box<ParseError>,
    },
    /// It does not change the configuration.
    #[error(
        "the change {0:?} is not possible here; expected one of \
         CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR"
    )]
    NotHere(String),
    /// Its values cannot be used.
    #[error("the change {text:?}")]
    Apply {
        /// As given.
        text: String,
        /// What is wrong.
        #[source]
        source: StepError,
    },
}

/// Applies instructions (`CMD ["sh"]`, `ENV A=b`) in their order.
///
/// # Errors
/// The first instruction that does not parse, is not about the configuration, or has unusable values.
pub fn apply_changes(config: &mut ContainerConfig, changes: &[String]) -> Result<(), ChangeError> {
    let mut state = State::default();
    state.image.config = config.clone();
    let nothing = (BTreeMap::new(), BTreeMap::new());
    let given = Given { build_args: &nothing.0, globals: &nothing.1, escape: '\\' };
    for text in changes {
        let parsed = parse_trigger(text);
        let parsed =
            parsed.map_err(|source| ChangeError::Parse { text: text.clone(), source: Box::new(source) })?;
        for instruction in parsed {
            apply(&mut state, &instruction.kind, given, text)?;
        }
    }
    *config = state.image.config;
    Ok(())
}

fn apply(state: &mut State, kind: &Kind, given: Given<'_>, text: &str) -> Result<(), ChangeError> {
    let failed = |source| ChangeError::Apply { text: text.to_owned(), source };
    match kind {
        Kind::Workdir(path) => {
            let path = state.expand(path, given.escape).map_err(|error| failed(error.into()))?;
            let path = destination(&state.image.config.working_dir, &path);
            let trimmed = path.trim_end_matches('/');
            state.image.config.working_dir = if trimmed.is_empty() { path } else { trimmed.to_owned() };
            Ok(())
        }
        Kind::Arg(_) => Err(ChangeError::NotHere(text.to_owned())),
        kind => match metadata::apply(state, kind, given).map_err(failed)? {
            Some(_) => Ok(()),
            None => Err(ChangeError::NotHere(text.to_owned())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ContainerConfig, ChangeError> {
        let mut config = ContainerConfig { env: vec!["A=1".into()], ..ContainerConfig::default() };
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        apply_changes(&mut config, &changes).map(|()| config)
    }

    #[test]
    fn instructions_change_the_configuration_in_their_order() {
        let config = changed(&["ENV B=$A-2", "CMD [\"sh\", \"-c\"]", "WORKDIR /a", "WORKDIR b", "EXPOSE 80"]);
        let config = config.unwrap();
        assert_eq!(config.env, ["A=1", "B=1-2"]);
        assert_eq!(config.cmd.unwrap(), ["sh", "-c"]);
        assert_eq!(config.working_dir, "/a/b");
        assert!(config.exposed_ports.contains_key("80/tcp"));
    }

    #[test]
    fn what_makes_layers_is_refused() {
        assert!(matches!(changed(&["RUN true"]), Err(ChangeError::NotHere(_))));
        assert!(matches!(changed(&["COPY a b"]), Err(ChangeError::NotHere(_))));
        assert!(matches!(changed(&["NONSENSE"]), Err(ChangeError::Parse { .. })));
    }
}

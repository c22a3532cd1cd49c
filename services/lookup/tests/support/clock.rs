use std::{
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The wall clock of servers that are started with it; their monotonic clock is the machine's.
pub struct Clock {
    library: PathBuf,
    offset: PathBuf,
}

impl Clock {
    /// A clock that goes right. Needs the C compiler that links Rust programs too.
    pub fn new(directory: &Path) -> Self {
        let (library, offset) = (directory.join("clock.so"), directory.join("clock"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/clock.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(built.unwrap().success(), "the clock is compiled");
        let clock = Self { library, offset };
        std::fs::write(&clock.offset, 0i64.to_ne_bytes()).unwrap();
        clock
    }

    /// Sets it so many hours off, at once, for all servers that have it.
    pub fn set(&self, hours: i64) {
        let file = std::fs::File::options().write(true).open(&self.offset).unwrap();
        file.write_all_at(&(hours * 3600).to_ne_bytes(), 0).unwrap();
    }

    /// What a server needs to have this clock.
    pub fn environment(&self) -> [(&'static str, &Path); 2] {
        [("LD_PRELOAD", &self.library), ("CLOCK_OFFSET", &self.offset)]
    }
}

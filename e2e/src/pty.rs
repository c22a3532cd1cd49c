use crate::Host;
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A command on a pseudo-terminal of its own, which controls it as a user's terminal does.
#[derive(Debug)]
pub struct Pty {
    master: File,
    child: Child,
    output: Receiver<Vec<u8>>,
    /// What was shown and not yet expected.
    shown: String,
}

impl Pty {
    /// Starts `berth` with words separated by spaces on a terminal of `rows` and `columns`.
    ///
    /// # Panics
    /// When the kernel gives no terminal or `setsid` is not there.
    pub fn berth(host: &Host, line: &str, (rows, columns): (u16, u16)) -> Self {
        Self::run(
            host,
            crate::berth_binary().as_os_str(),
            &line.split_whitespace().collect::<Vec<_>>(),
            (rows, columns),
        )
    }

    /// As [`Pty::berth`], with arguments that may hold spaces.
    ///
    /// # Panics
    /// As [`Pty::berth`].
    pub fn berth_with(host: &Host, arguments: &[&str], size: (u16, u16)) -> Self {
        Self::run(host, crate::berth_binary().as_os_str(), arguments, size)
    }

    fn run(host: &Host, program: &OsStr, arguments: &[&str], (rows, columns): (u16, u16)) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the kernel gives a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("the terminal is ours");
        let path = ptsname(&master, Vec::new()).expect("the terminal has a name");
        let master = File::from(master);
        resize(&master, rows, columns);
        let slave = || {
            let noctty = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).expect("a small number");
            let opened = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(noctty)
                .open(OsStr::from_bytes(path.to_bytes()));
            Stdio::from(opened.expect("the terminal can be opened"))
        };
        let mut command = host.command("setsid");
        command.arg("--ctty").arg(program).args(arguments);
        command.env("TERM", "xterm").stdin(slave()).stdout(slave()).stderr(slave());
        let child = command.spawn().expect("util-linux is installed");
        drop(command);
        let (sender, output) = channel();
        let mut reader = master.try_clone().expect("a descriptor can be duplicated");
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is EIO.
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { master, child, output, shown: String::new() }
    }

    /// Waits until `text` is shown, and forgets everything up to its end; gives what stood before it.
    ///
    /// # Panics
    /// When it is not shown within half a minute.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                let before = self.shown[..at].to_owned();
                self.shown.drain(..at + text.len());
                return before;
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => panic!("{text:?} is not shown; what is:\n{}", self.shown),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the terminal was closed before {text:?} was shown; what is:\n{}", self.shown)
                }
            }
        }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn send(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// Gives the terminal another size, of which its foreground is told by SIGWINCH.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn resize(&self, rows: u16, columns: u16) {
        resize(&self.master, rows, columns);
    }

    /// How the terminal is set.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn settings(&self) -> Termios {
        tcgetattr(&self.master).expect("the terminal is open")
    }

    /// Whether every key is passed on as it is.
    pub fn is_raw(&self) -> bool {
        !self.settings().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits until the command ends; its exit code and what else it showed.
    ///
    /// # Panics
    /// When it does not end within half a minute.
    #[track_caller]
    pub fn end(&mut self) -> (Option<i32>, String) {
        let mut status = None;
        crate::eventually("the command on the terminal ends", || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status.and_then(|status| status.code()), std::mem::take(&mut self.shown))
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(master: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(master, size).expect("the terminal is open");
}

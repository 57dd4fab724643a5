//! Where a host connects: one client at a time, which may leave and come again.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use nix::fcntl::{open, OFlag};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt, PtyMaster};
use nix::sys::stat::Mode;
use nix::sys::termios::{cfmakeraw, tcgetattr, tcsetattr, SetArg};

/// Where a node is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A pseudo-terminal, with a symbolic link to it when a path is given.
    Pty(Option<PathBuf>),
    /// A TCP port of 127.0.0.1; zero takes a free one.
    Tcp(u16),
    /// A UNIX stream socket.
    Unix(PathBuf),
}

impl Address {
    /// Reads `pty`, `pty:LINK`, `tcp:PORT`, `tcp` or `unix:PATH`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            None if text == "pty" => Address::Pty(None),
            None if text == "tcp" => Address::Tcp(0),
            Some(("pty", path)) if !path.is_empty() => Address::Pty(Some(path.into())),
            Some(("tcp", port)) => Address::Tcp(port.parse().ok()?),
            Some(("unix", path)) if !path.is_empty() => Address::Unix(path.into()),
            _ => return None,
        })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Address::Pty(None) => write!(f, "pty"),
            Address::Pty(Some(link)) => write!(f, "pty:{}", link.display()),
            Address::Tcp(port) => write!(f, "tcp:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What reading gave.
pub enum Got {
    Bytes(usize),
    /// A client has come.
    Opened,
    /// The client has left.
    Closed,
    Nothing,
}

pub enum Endpoint {
    Pty(Pty),
    Tcp(TcpListener, Option<TcpStream>),
    Unix(PathBuf, UnixListener, Option<UnixStream>),
}

/// A pseudo-terminal. Its slave side stays open here until a client has written,
/// and again after that client has left, because a master without a slave is
/// readable (hung up) all the time.
pub struct Pty {
    master: File,
    path: PathBuf,
    link: Option<PathBuf>,
    slave: Option<OwnedFd>,
}

impl Endpoint {
    /// Opens an endpoint and says where it is.
    pub fn open(address: &Address) -> io::Result<(Self, String)> {
        match address {
            Address::Pty(link) => {
                let pty = Pty::open(link.clone())?;
                let place = format!("pty {}", link.as_ref().unwrap_or(&pty.path).display());
                Ok((Endpoint::Pty(pty), place))
            }
            Address::Tcp(port) => {
                let listener = TcpListener::bind(("127.0.0.1", *port))?;
                listener.set_nonblocking(true)?;
                let place = format!("tcp {}", listener.local_addr()?.port());
                Ok((Endpoint::Tcp(listener, None), place))
            }
            Address::Unix(path) => {
                // A socket that nobody listens on is left over from another run.
                if path.exists() && UnixStream::connect(path).is_err() {
                    fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                let place = format!("unix {}", path.display());
                Ok((Endpoint::Unix(path.clone(), listener, None), place))
            }
        }
    }

    /// The descriptor to wait for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Endpoint::Pty(pty) => pty.master.as_fd(),
            Endpoint::Tcp(listener, None) => listener.as_fd(),
            Endpoint::Tcp(_, Some(client)) => client.as_fd(),
            Endpoint::Unix(_, listener, None) => listener.as_fd(),
            Endpoint::Unix(_, _, Some(client)) => client.as_fd(),
        }
    }

    /// Reads what is there, without waiting.
    pub fn read(&mut self, bytes: &mut [u8]) -> Got {
        match self {
            Endpoint::Pty(pty) => pty.read(bytes),
            Endpoint::Tcp(listener, client @ None) => match listener.accept() {
                Ok((stream, _)) => {
                    let set = stream.set_nonblocking(true).and(stream.set_nodelay(true));
                    *client = set.is_ok().then_some(stream);
                    Got::Opened
                }
                Err(_) => Got::Nothing,
            },
            Endpoint::Unix(_, listener, client @ None) => match listener.accept() {
                Ok((stream, _)) => {
                    *client = stream.set_nonblocking(true).is_ok().then_some(stream);
                    Got::Opened
                }
                Err(_) => Got::Nothing,
            },
            Endpoint::Tcp(_, client) => read_client(client, bytes),
            Endpoint::Unix(_, _, client) => read_client(client, bytes),
        }
    }

    /// Writes what fits, without waiting. With no client everything is lost.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let result = match self {
            Endpoint::Pty(pty) => pty.master.write(bytes),
            Endpoint::Tcp(_, Some(client)) => client.write(bytes),
            Endpoint::Unix(_, _, Some(client)) => client.write(bytes),
            _ => return bytes.len(),
        };
        match result {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // The client has left: reading will tell.
            Err(_) => bytes.len(),
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let path = match self {
            Endpoint::Unix(path, ..) => Some(&*path),
            Endpoint::Pty(pty) => pty.link.as_ref(),
            Endpoint::Tcp(..) => None,
        };
        if let Some(path) = path {
            let _ = fs::remove_file(path);
        }
    }
}

impl Pty {
    fn open(link: Option<PathBuf>) -> io::Result<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let master: PtyMaster = posix_openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = PathBuf::from(ptsname_r(&master)?);
        if let Some(link) = &link {
            if link
                .symlink_metadata()
                .is_ok_and(|m| m.file_type().is_symlink())
            {
                fs::remove_file(link)?;
            }
            std::os::unix::fs::symlink(&path, link)?;
        }
        let master = File::from(OwnedFd::from(master));
        let mut pty = Pty {
            master,
            path,
            link,
            slave: None,
        };
        pty.idle()?;
        Ok(pty)
    }

    fn slave(&self) -> io::Result<OwnedFd> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        Ok(open(&self.path, flags, Mode::empty())?)
    }

    /// Waits for a client: raw mode, and nothing left that the last one has not read.
    fn idle(&mut self) -> io::Result<()> {
        use nix::sys::termios::{tcflush, FlushArg};
        let slave = self.slave()?;
        let mut raw = tcgetattr(&slave)?;
        cfmakeraw(&mut raw);
        tcsetattr(&slave, SetArg::TCSANOW, &raw)?;
        tcflush(&slave, FlushArg::TCIFLUSH)?;
        self.slave = Some(slave);
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Got {
        match self.master.read(bytes) {
            Ok(len) if len > 0 => {
                // Whoever wrote has the slave open: when it closes, the master hangs up.
                self.slave = None;
                Got::Bytes(len)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => match self.is_hung_up() {
                true => self.closed(),
                false => Got::Nothing,
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => Got::Nothing,
            _ => self.closed(),
        }
    }

    fn closed(&mut self) -> Got {
        match self.idle() {
            Ok(()) => Got::Closed,
            Err(_) => Got::Nothing,
        }
    }

    fn is_hung_up(&self) -> bool {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok()
            && fds[0]
                .revents()
                .is_some_and(|r| r.contains(PollFlags::POLLHUP))
    }
}

fn read_client<S: Read>(client: &mut Option<S>, bytes: &mut [u8]) -> Got {
    let Some(stream) = client else {
        return Got::Nothing;
    };
    match stream.read(bytes) {
        Ok(len) if len > 0 => Got::Bytes(len),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Got::Nothing,
        Err(error) if error.kind() == ErrorKind::Interrupted => Got::Nothing,
        _ => {
            *client = None;
            Got::Closed
        }
    }
}

//! The one error type of the host's commands.

/// Why a command was refused; the FFI maps each to an errno. Zero is left to
/// success, which is the cheapest to test for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Error {
    /// A parameter is out of range: `EINVAL`.
    Invalid = 1,
    /// No such handle, bond or channel: `ENOENT`.
    NotFound,
    /// A pool or queue is full; try again after the next event: `ENOMEM`.
    NoMemory,
    /// The database needs `Database::needed` bytes; lend more and repeat.
    NeedMemory,
    /// Another operation of this kind is running: `EBUSY`.
    Busy,
    /// It is already so: `EALREADY`.
    Already,
    /// No link with this connection handle: `ENOTCONN`.
    NotConnected,
    /// The stack is not active: `ENODEV`.
    Inactive,
    /// The controller did not answer in time: `ETIMEDOUT`.
    TimedOut,
    /// The controller answered with this HCI status: `EIO`.
    Controller(u8),
    /// Controller or peer cannot do this: `EOPNOTSUPP`.
    NotSupported,
    /// The link's security does not allow it: `EACCES`.
    Security,
}

/// Result of a command.
pub type Result<T> = core::result::Result<T, Error>;

//! The choice of an association model (Vol 3, Part H, 2.3.5.1).

/// IO capabilities, numbered as on the wire and in MicroPython (2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum IoCapability {
    /// Shows six digits.
    DisplayOnly = 0,
    /// Shows six digits and takes a yes or no.
    DisplayYesNo = 1,
    /// Takes six digits.
    KeyboardOnly = 2,
    /// Nothing.
    NoInputNoOutput = 3,
    /// Shows and takes six digits.
    KeyboardDisplay = 4,
}

impl IoCapability {
    /// From the number on the wire; 5 and up are reserved.
    pub fn from_wire(value: u8) -> Option<Self> {
        use IoCapability::*;
        [
            DisplayOnly,
            DisplayYesNo,
            KeyboardOnly,
            NoInputNoOutput,
            KeyboardDisplay,
        ]
        .get(value as usize)
        .copied()
    }
}

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

use IoCapability::*;

impl IoCapability {
    /// From the number on the wire; 5 and up are reserved.
    pub fn from_wire(value: u8) -> Option<Self> {
        Some(match value {
            0 => DisplayOnly,
            1 => DisplayYesNo,
            2 => KeyboardOnly,
            3 => NoInputNoOutput,
            4 => KeyboardDisplay,
            _ => return None,
        })
    }

    fn shows(self) -> bool {
        matches!(self, DisplayOnly | DisplayYesNo | KeyboardDisplay)
    }

    fn types(self) -> bool {
        matches!(self, KeyboardOnly | KeyboardDisplay)
    }

    fn confirms(self) -> bool {
        matches!(self, DisplayYesNo | KeyboardDisplay)
    }
}

/// How the two sides convince themselves of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Not at all.
    JustWorks,
    /// Both users compare six digits.
    NumericComparison,
    /// The initiator's user sees six digits that the responder's user types.
    InitiatorDisplays,
    /// The responder's user sees six digits that the initiator's user types.
    ResponderDisplays,
    /// Both users type the same six digits.
    BothInput,
}

impl Model {
    /// Table 2.8, when at least one side asks for MITM protection.
    pub fn choose(initiator: IoCapability, responder: IoCapability, secure: bool) -> Model {
        if secure && initiator.confirms() && responder.confirms() {
            Model::NumericComparison
        } else if initiator.shows() && responder.types() {
            Model::InitiatorDisplays
        } else if initiator.types() && responder.shows() {
            Model::ResponderDisplays
        } else if initiator.types() && responder.types() {
            Model::BothInput
        } else {
            Model::JustWorks
        }
    }

    /// Whether six digits are typed somewhere.
    pub fn is_passkey(self) -> bool {
        !matches!(self, Model::JustWorks | Model::NumericComparison)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Model::{
        BothInput as B, InitiatorDisplays as I, JustWorks as J, NumericComparison as N,
        ResponderDisplays as R,
    };

    #[test]
    fn the_model_follows_table_2_8() {
        // Rows: responder; columns: initiator; both in the order of the wire.
        let legacy = [
            [J, J, R, J, R],
            [J, J, R, J, R],
            [I, I, B, J, I],
            [J, J, J, J, J],
            [I, I, R, J, I],
        ];
        let mut secure = legacy;
        for (responder, initiator) in [(1, 1), (1, 4), (4, 1), (4, 4)] {
            secure[responder][initiator] = N;
        }
        for (sc, table) in [(false, legacy), (true, secure)] {
            for (responder, row) in table.iter().enumerate() {
                for (initiator, model) in row.iter().enumerate() {
                    let [i, r] =
                        [initiator, responder].map(|io| IoCapability::from_wire(io as u8).unwrap());
                    assert_eq!(Model::choose(i, r, sc), *model, "{i:?} {r:?} {sc}");
                }
            }
        }
        assert_eq!(IoCapability::from_wire(5), None);
    }
}

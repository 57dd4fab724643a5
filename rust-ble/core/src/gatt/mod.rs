//! Generic Attribute Profile (Vol 3, Part G).

pub mod client;
pub mod db;
mod layout;
pub mod permission;
pub mod server;

/// What there is to do after an ATT PDU was handled, besides sending what was
/// written to `out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Done,
    /// Events, told one at a time by `Client::next_event` with the same PDU
    /// until it gives `false`; or the client wrote several values at once, by
    /// `server::Link::next_written`.
    Events,
    /// From the next PDU on this is the link's ATT_MTU; tell the script. Of a
    /// peer that knows no MTU exchange it is the ATT_MTU as before.
    MtuExchanged {
        /// The smaller of both sides' offers.
        mtu: u16,
    },
    /// The peer's client wrote a value of the script.
    Written {
        /// Value handle of the characteristic, or handle of the descriptor.
        handle: u16,
    },
    /// Ask the script whether `handle` may be read, then handle the same PDU
    /// again with one more `approved`, or with `refused`.
    Query {
        /// Value handle of the characteristic, or handle of the descriptor.
        handle: u16,
    },
    /// The peer's client confirmed the indication that it was sent.
    Confirmed,
}

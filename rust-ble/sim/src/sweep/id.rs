//! Names of single runs: `scenario:fault:N:seed`.

use super::fault::{Fault, Kind};
use crate::scenario::{self, Scenario};
use std::fmt;

/// One run that can be repeated.
#[derive(Clone, Copy)]
pub struct RunId {
    /// What is done.
    pub scenario: &'static Scenario,
    /// What goes wrong.
    pub fault: Fault,
    /// Kind of controllers, order of events, and all chance.
    pub seed: u64,
}

impl RunId {
    /// A run in which nothing goes wrong.
    pub fn plain(scenario: &'static Scenario, seed: u64) -> Self {
        RunId {
            scenario,
            fault: Fault {
                kind: Kind::None,
                node: 0,
                nth: 0,
            },
            seed,
        }
    }

    /// From the form that is printed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(':');
        let name = parts.next()?;
        let scenario = scenario::ALL
            .iter()
            .find(|scenario| scenario.name == name)?;
        let (kind, node) = parts.next()?.split_once('@')?;
        let kind = Kind::ALL.iter().copied().find(|k| k.name() == kind)?;
        let node = ["central", "peripheral"]
            .iter()
            .position(|name| *name == node)?;
        let nth = parts.next()?.parse().ok()?;
        let seed = parts.next()?.parse().ok()?;
        let fault = Fault { kind, node, nth };
        parts.next().is_none().then_some(RunId {
            scenario,
            fault,
            seed,
        })
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { kind, node, nth } = self.fault;
        let node = ["central", "peripheral"][node];
        write!(
            f,
            "{}:{}@{node}:{nth}:{}",
            self.scenario.name,
            kind.name(),
            self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_printed() {
        for text in [
            "read:silent@central:17:3",
            "random:any@peripheral:0:18446744073709551615",
        ] {
            assert_eq!(RunId::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "read",
            "read:silent:1:1",
            "read:silent@central:x:1",
            "a:b@c:1:1",
        ] {
            assert!(RunId::parse(text).is_none());
        }
    }
}

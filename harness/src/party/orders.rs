//! How a party reads its orders and files and reports.

use super::{Order, Report, Role};
use crate::error::Error;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Write};
use std::path::Path;

/// An order that makes no sense to a party as it was started.
pub(super) fn misplaced(role: Role, order: &Order) -> Error {
    let name = match order {
        Order::Offline { .. } => "to preprocess",
        Order::Online { .. } => "to classify",
        Order::Fill { .. } => "to fill a pool",
        Order::Serve { .. } => "to serve from a pool",
        Order::Close => "to close a pool",
    };
    fault(role, &format!("was not started for an order {name}"))
}

pub(super) fn report(report: &Report) -> Result<(), Error> {
    let mut line = serde_json::to_vec(report).expect("a report is plain data");
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(Error::io("reporting to the harness"))
}

/// The next line, or `None` where the harness has gone.
pub(super) fn next<T: DeserializeOwned>(orders: &mut impl BufRead) -> Result<Option<T>, Error> {
    let mut line = String::new();
    if orders.read_line(&mut line).map_err(Error::io("reading an order"))? == 0 {
        return Ok(None);
    }
    serde_json::from_str(&line).map(Some).map_err(|e| Error::Io {
        doing: "understanding an order".into(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, e),
    })
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::io(format!("reading {}", path.display())))
}

pub(super) fn fault(role: Role, what: &str) -> Error {
    Error::Party { party: role.name(), what: what.into() }
}

//! What a server offers, and how the hosts tell each other what is no part of the protocol.

use crate::error::Error;
use models::data::Normalisation;
use models::text::{check_line, check_name};
use netem::{Channel, FrameKind, MAX_FRAME};
use protocols::plan::Plan;
use results::{Machine, ModelRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The client's session id.
pub(super) const SESSION: FrameKind = FrameKind(0xf0);
/// The server's [`Offer`].
pub(super) const OFFER: FrameKind = FrameKind(0xf1);
/// What the server measured of the phase before.
pub(super) const REPORT: FrameKind = FrameKind(0xf2);

/// Bytes of a session id.
pub(super) const SESSION_BYTES: usize = 16;

/// What a server says to a client that has shown who it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// What it offers.
    Offer(Box<Offer>),
    /// Why it does not.
    Refused(String),
}

/// What a server offers. All of it is public to its clients.
#[derive(Serialize, Deserialize)]
pub(super) struct Offer {
    /// Version of the server's program, and its revision where it is known.
    pub(super) linnet: String,
    pub(super) revision: Option<String>,
    pub(super) plan: Plan,
    pub(super) model: ModelRecord,
    pub(super) normalisation: Normalisation,
    pub(super) machine: Machine,
    pub(super) threads: usize,
    /// Whether seeds of masks come with the reports.
    pub(super) reveals_masks: bool,
}

impl Offer {
    /// Errors unless it is sound as far as the client relies on it, beside the plan: what is written, printed, or applied
    /// to an image.
    pub(super) fn check(&self) -> Result<(), models::Error> {
        let Self { linnet, revision, plan, model, normalisation, machine, threads: _, reveals_masks: _ } =
            self;
        let ModelRecord {
            name,
            digest,
            plan_digest,
            data,
            method,
            relu,
            he,
            ot,
            budget: _,
            relus: _,
            imported_from,
            calibration: _,
        } = model;
        let Machine { cpu_model, cores: _, memory_bytes: _, kernel, features } = machine;
        check_name("the offered network's name", name)?;
        check_line("the offered network's method", method)?;
        let lines = [linnet, digest, data, relu, cpu_model, kernel].into_iter();
        let import = imported_from.iter().flat_map(|import| [Some(&import.file), import.sha256.as_ref()]);
        for line in lines
            .chain(revision)
            .chain(plan_digest)
            .chain(he)
            .chain(ot)
            .chain(features)
            .chain(import.flatten())
        {
            check_line("a line of the offer", line)?;
        }
        normalisation.check(plan.input.c)
    }
}

pub(super) fn send<T: Serialize>(channel: &mut Channel, kind: FrameKind, message: &T) -> Result<(), Error> {
    channel.send(kind, serde_json::to_vec(message).expect("messages are plain data"))?;
    Ok(channel.flush()?)
}

pub(super) fn receive<T: DeserializeOwned>(
    channel: &mut Channel,
    kind: FrameKind,
    what: &str,
) -> Result<T, Error> {
    let bytes = channel.recv_at_most(kind, MAX_FRAME)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Party {
        party: "server",
        what: format!("sent {what} that is none: {error}; is it of another version?"),
    })
}

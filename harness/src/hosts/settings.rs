//! What was typed for `serve` and `query`, checked: what it means stands here once.

use crate::choice::Protocol;
use crate::cli::{QueryArgs, ServeArgs};
use crate::error::Error;
use crate::experiment::{Compile, one_protocol, parse_links};
use crate::run_id::RunId;
use netem::Identity;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// A server's settings.
pub(super) struct Serving {
    pub(super) model: PathBuf,
    pub(super) compile: Compile,
    pub(super) protocol: Protocol,
    pub(super) listen: SocketAddr,
    /// Without certificates at a loopback address alone.
    pub(super) identity: Identity,
    /// Of a session.
    pub(super) threads: usize,
    /// Longest wait within a phase, and for a request.
    pub(super) deadline: Duration,
    pub(super) idle: Duration,
    /// It ends after as many, and has no more at a time than the other.
    pub(super) sessions: usize,
    pub(super) most_sessions: usize,
    /// At a loopback address alone.
    pub(super) reveal_masks: bool,
}

impl Serving {
    pub(super) fn new(args: &ServeArgs) -> Result<Self, Error> {
        let (deadline, idle) = (patience("--deadline", args.deadline)?, patience("--idle", args.idle)?);
        let local = args.listen.ip().is_loopback();
        let refused = |option, expected: &str| {
            Err(Error::Option { option, expected: expected.into(), found: args.listen.to_string() })
        };
        let identity = match &args.tls {
            Some(folder) => Identity::server(folder)?,
            None if local => Identity::unnamed_server()?,
            None => return refused("--listen", WITHOUT_KEYS),
        };
        if args.reveal_masks && !local {
            let expected = "a loopback address to listen at, for masks never leave this host";
            return refused("--reveal-masks", expected);
        }
        if args.most_sessions == 0 || args.threads == 0 {
            let option = if args.threads == 0 { "--threads" } else { "--most-sessions" };
            return Err(Error::Option { option, expected: "at least 1".into(), found: "0".into() });
        }
        let links = parse_links(std::slice::from_ref(&args.link))?;
        let protocol = one_protocol(&args.compile)?;
        Ok(Self {
            model: args.model.clone(),
            compile: Compile::new(&args.compile, &links)?,
            protocol,
            listen: args.listen,
            identity,
            threads: args.threads,
            deadline,
            idle,
            sessions: args.sessions.unwrap_or(usize::MAX),
            most_sessions: args.most_sessions,
            reveal_masks: args.reveal_masks,
        })
    }
}

/// A client's settings.
pub(super) struct Asking {
    /// The server, as it was typed and as it was found.
    pub(super) server: String,
    pub(super) address: SocketAddr,
    /// Without certificates where the server is at a loopback address.
    pub(super) identity: Identity,
    /// Whether there are certificates.
    pub(super) named: bool,
    pub(super) images: usize,
    pub(super) warmups: usize,
    pub(super) transcripts: usize,
    pub(super) data_dir: Option<PathBuf>,
    /// What inferences are verified with, of a server at a loopback address.
    pub(super) verify: Option<Verifying>,
    /// What rows call the link.
    pub(super) network: String,
    pub(super) threads: usize,
    pub(super) deadline: Duration,
    /// Folder of runs, and the run's name, which is made from the time if there is none.
    pub(super) out: PathBuf,
    pub(super) id: Option<RunId>,
}

/// The server's network at the client, and how it is compiled.
pub(super) struct Verifying {
    pub(super) model: PathBuf,
    pub(super) compile: Compile,
    /// Test images for the accuracy in the clear.
    pub(super) accuracy_images: usize,
}

impl Asking {
    pub(super) fn new(args: &QueryArgs) -> Result<Self, Error> {
        let deadline = patience("--deadline", args.deadline)?;
        if args.images == 0 {
            let expected = "at least 1".to_owned();
            return Err(Error::Option { option: "--images", expected, found: "0".into() });
        }
        let finding = Error::io(format!("connecting to {}", args.connect));
        let address = args.connect.to_socket_addrs().map_err(finding)?.next();
        let address = address.ok_or_else(|| Error::Option {
            option: "--connect",
            expected: "an address and port, such as 192.0.2.7:7000".into(),
            found: args.connect.clone(),
        })?;
        let local = address.ip().is_loopback();
        let refused = |option, expected: &str| {
            Err(Error::Option { option, expected: expected.into(), found: address.to_string() })
        };
        let identity = match &args.tls {
            Some(folder) => Identity::client(folder)?,
            None if local => Identity::unnamed_client()?,
            None => return refused("--connect", WITHOUT_KEYS),
        };
        if args.model.is_some() && !local {
            let expected = "a server at a loopback address, which alone reveals its masks to verify with";
            return refused("--model", expected);
        }
        let verifying = |model: &PathBuf| {
            let links = parse_links(std::slice::from_ref(&args.link))?;
            let compile = Compile::new(&args.compile, &links)?;
            let accuracy_images = args.accuracy_images;
            Ok::<_, Error>(Verifying { model: model.clone(), compile, accuracy_images })
        };
        Ok(Self {
            server: args.connect.clone(),
            address,
            identity,
            named: args.tls.is_some(),
            images: args.images,
            warmups: args.warmups,
            transcripts: args.transcripts,
            data_dir: args.compile.data_dir.clone(),
            verify: args.model.as_ref().map(verifying).transpose()?,
            network: args.network.clone(),
            threads: args.threads.max(1),
            deadline,
            out: args.out.clone(),
            id: args.id.clone(),
        })
    }
}

const WITHOUT_KEYS: &str = "a loopback address, or --tls FOLDER beside it (see `linnet keys`)";

/// A positive number of seconds.
fn patience(option: &'static str, seconds: f64) -> Result<Duration, Error> {
    let patience = Duration::try_from_secs_f64(seconds).ok().filter(|patience| !patience.is_zero());
    patience.ok_or_else(|| Error::Option {
        option,
        expected: "a positive number of seconds".into(),
        found: seconds.to_string(),
    })
}

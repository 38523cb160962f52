//! Both party processes, from the harness's side. Dropping a pair ends them.

use super::{Done, Log, Order, Query, Report, Role, Start};
use crate::error::Error;
use protocols::allocator::OF_PARTIES;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

/// What both parties report of one phase.
#[derive(Clone)]
pub(crate) struct PhaseReport {
    pub(crate) client: Done,
    pub(crate) server: Done,
}

/// Longest wait for a phase in which neither party has reported: far above any phase, so that nothing waits forever.
const LONGEST_PHASE: Duration = Duration::from_secs(4 * 3600);

/// A client and a server in session.
pub(crate) struct Pair {
    client: Party,
    server: Party,
    reports: Receiver<Heard>,
    grace: Duration,
}

/// What a party said, or that it has ended.
struct Heard {
    role: Role,
    report: Option<Report>,
}

impl Pair {
    /// Starts both processes and runs set-up. `start` describes the session; roles fill in the rest.
    pub(crate) fn start(start: &Start, cores: Option<(usize, usize)>) -> Result<(Self, PhaseReport), Error> {
        let (sender, reports) = channel();
        let mut server = Party::spawn(Role::Server, sender.clone())?;
        server.tell(&Start { core: cores.map(|c| c.1), ..start.clone() });
        let address = match reports.recv_timeout(LONGEST_PHASE) {
            Ok(Heard { report: Some(Report::Listening { address }), .. }) => address,
            Ok(heard) => return Err(server.fault(heard.report)),
            Err(_) => return Err(server.fault(None)),
        };
        let mut client = Party::spawn(Role::Client, sender)?;
        let for_client =
            Start { core: cores.map(|c| c.0), secrets: None, connect: Some(address), ..start.clone() };
        client.tell(&for_client);
        // Once one party has failed, the other notices within its deadline; some more is left for it to say so.
        let grace = start.deadline + Duration::from_secs(5);
        let mut pair = Self { client, server, reports, grace };
        let setup = pair.collect()?;
        Ok((pair, setup))
    }

    /// Preprocesses one inference; `record` asks for transcripts of both its phases.
    pub(crate) fn offline(&mut self, record: bool) -> Result<PhaseReport, Error> {
        self.server.tell(&Order::Offline { record });
        self.client.tell(&Order::Offline { record });
        self.collect()
    }

    /// Classifies one normalised image.
    pub(crate) fn online(&mut self, image: Vec<f32>) -> Result<PhaseReport, Error> {
        self.server.tell(&Order::Online { image: None });
        self.client.tell(&Order::Online { image: Some(image) });
        self.collect()
    }

    /// Of parties with a pool: preprocesses until it holds `level` items.
    pub(crate) fn fill(&mut self, level: usize) -> Result<Log, Error> {
        self.client.tell(&Order::Fill { level });
        self.log(Role::Client)
    }

    /// Of parties with a pool: classifies images, each when it is due, while the pool is kept at `refill`, if at all.
    pub(crate) fn serve(&mut self, queries: Vec<Query>, refill: Option<usize>) -> Result<Log, Error> {
        self.client.tell(&Order::Serve { queries, refill });
        self.log(Role::Client)
    }

    /// Of parties with a pool: ends the session; returns what the server did in it.
    pub(crate) fn close(mut self) -> Result<Log, Error> {
        self.client.tell(&Order::Close);
        self.log(Role::Client)?;
        self.server.tell(&Order::Close);
        self.log(Role::Server)
    }

    /// Waits for one party's log. The other has nothing to say meanwhile, unless it fails.
    fn log(&mut self, of: Role) -> Result<Log, Error> {
        let Ok(Heard { role, report }) = self.reports.recv_timeout(LONGEST_PHASE) else {
            let silent = if of == Role::Client { &mut self.client } else { &mut self.server };
            return Err(silent.silent(LONGEST_PHASE));
        };
        match (role, report) {
            (role, Some(Report::Pooled(log))) if role == of => Ok(log),
            (Role::Client, report) => Err(self.client.fault(report)),
            (Role::Server, report) => Err(self.explain(false, report)),
        }
    }

    /// Waits until both parties have done the phase, or one has failed. A stall is noticed by the party that waits on
    /// the channel; once one party is done, the other has its deadline left.
    fn collect(&mut self) -> Result<PhaseReport, Error> {
        let (mut client, mut server) = (None, None);
        loop {
            let patience = if client.is_some() || server.is_some() { self.grace } else { LONGEST_PHASE };
            let Ok(Heard { role, report }) = self.reports.recv_timeout(patience) else {
                let silent = if client.is_some() { &mut self.server } else { &mut self.client };
                return Err(silent.silent(patience));
            };
            match (role, report) {
                (Role::Client, Some(Report::Done(done))) => client = Some(done),
                (Role::Server, Some(Report::Done(done))) => server = Some(done),
                (Role::Client, report) => return Err(self.client.fault(report)),
                (Role::Server, report) => return Err(self.explain(client.is_some(), report)),
            }
            match (client, server) {
                (Some(client), Some(server)) => return Ok(PhaseReport { client, server }),
                both => (client, server) = both,
            }
        }
    }

    /// The server failed. Where the client still runs its word comes first: it says how it noticed.
    fn explain(&mut self, client_done: bool, server: Option<Report>) -> Error {
        if !client_done
            && let Ok(Heard { role: Role::Client, report: Some(Report::Failed { error }) }) =
                self.reports.recv_timeout(self.grace)
        {
            let server = self.server.fault(server).to_string();
            return self.client.fault(Some(Report::Failed { error: format!("{error} ({server})") }));
        }
        self.server.fault(server)
    }
}

/// One process. A thread reads what it says.
struct Party {
    role: Role,
    process: Child,
    orders: ChildStdin,
}

impl Party {
    fn spawn(role: Role, heard: Sender<Heard>) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(Error::io("finding this program"))?;
        let mut process = Command::new(program)
            .args(["party", role.name()])
            .envs([OF_PARTIES])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io(format!("starting the {}", role.name())))?;
        let orders = process.stdin.take().expect("standard input is piped");
        let output = process.stdout.take().expect("standard output is piped");
        let party = Self { role, process, orders };
        let listen = move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let report = serde_json::from_str(&line).unwrap_or_else(|e| Report::Failed {
                    error: format!("said something that is no report: {e}"),
                });
                if heard.send(Heard { role, report: Some(report) }).is_err() {
                    return;
                }
            }
            // The pair may be gone already; then nobody needs to hear of the end.
            let _ = heard.send(Heard { role, report: None });
        };
        Builder::new().spawn(listen).map_err(Error::io("starting a thread"))?;
        Ok(party)
    }

    /// A party that has died cannot be told; its report, or the lack of one, is the better error.
    fn tell(&mut self, message: &impl serde::Serialize) {
        let mut line = serde_json::to_vec(message).expect("messages are plain data");
        line.push(b'\n');
        let _ = self.orders.write_all(&line).and_then(|()| self.orders.flush());
    }

    /// The error that an unwelcome report, or an end without one, stands for.
    fn fault(&mut self, report: Option<Report>) -> Error {
        let what = match report {
            Some(Report::Failed { error }) => error,
            Some(other) => out_of_turn(&other),
            None => {
                // Its output has ended; if it has not, it is of no more use.
                let _ = self.process.kill();
                let status = self.process.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
                format!("ended unexpectedly ({status})")
            }
        };
        Error::Party { party: self.role.name(), what }
    }

    /// The error of a party that does not report; it is ended.
    fn silent(&mut self, patience: Duration) -> Error {
        let _ = self.process.kill();
        let what = format!("gave no report within {:.1} s", patience.as_secs_f64());
        Error::Party { party: self.role.name(), what }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        // A party that has finished is gone already; any other must not outlive the run.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a report that was not expected is called. Its content may be secret, and errors are written into results.
fn out_of_turn(report: &Report) -> String {
    format!("reported {} out of turn", report.kind())
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use netem::ReleaseError;

    #[test]
    fn a_report_out_of_turn_is_named_by_its_kind_alone() {
        let outcome = Outcome {
            seed: Some([123; 32].into()),
            logits: Some(vec![4567]),
            shares: Some(vec![vec![8910]]),
        };
        let done = Done {
            usage: Vec::new(),
            peak_rss_bytes: None,
            store_bytes: None,
            release: ReleaseError::default(),
            outcome: Some(outcome),
            transcript: Vec::new(),
        };
        assert_eq!(out_of_turn(&Report::Done(done)), "reported a phase out of turn");
        assert_eq!(out_of_turn(&Report::Pooled(Log::default())), "reported the log of a pool out of turn");
    }
}

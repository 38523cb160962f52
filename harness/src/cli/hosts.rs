//! Options of the commands for two hosts: `keys`, `serve` and `query`.

use super::compile::CompileArgs;
use crate::run_id::RunId;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct KeysArgs {
    /// Folder of the keys, new. The server's host needs ca.pem, server.pem and server.key of it, the client's ca.pem,
    /// client.pem and client.key.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Days that the certificates are valid for.
    #[arg(long, default_value_t = 365)]
    pub(crate) days: u32,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Checkpoint folder.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// Address and port to listen at; port 0 takes a free one, which is told.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Folder of keys (`linnet keys`); without, only loopback addresses are served.
    #[arg(long)]
    pub(crate) tls: Option<PathBuf>,
    /// Threads of a session.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Longest wait for a sign of life from the client within a phase, seconds.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) deadline: f64,
    /// Longest wait for a client's next request, seconds.
    #[arg(long, default_value_t = 600.0)]
    pub(crate) idle: f64,
    /// End after this many sessions.
    #[arg(long)]
    pub(crate) sessions: Option<usize>,
    /// Sessions at a time; more are refused with this reason.
    #[arg(long, default_value_t = 16)]
    pub(crate) most_sessions: usize,
    /// Give clients the seed of this server's masks after each inference, so that they can verify it. Only at a loopback
    /// address.
    ///
    /// It gives the weights away: with the seed and its own shares, a client has for every linear layer the exact product of
    /// the weights with a vector that it knows, and after enough inferences the weights, and with them every value. Whoever
    /// has the client's seed as well and the server's shares knows the client's image and every activation.
    #[arg(long)]
    pub(crate) reveal_masks: bool,
    /// Link that packings are chosen for: a name from `linnet links`, or "rate=100MB/s,rtt=10ms".
    #[arg(long, default_value = "lan")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Args)]
pub(crate) struct QueryArgs {
    /// The server's address and port.
    #[arg(long)]
    pub(crate) connect: String,
    /// Folder of keys (`linnet keys`); without, only a server on this host is asked.
    #[arg(long)]
    pub(crate) tls: Option<PathBuf>,
    /// Test images to be classified.
    #[arg(long, default_value_t = 20)]
    pub(crate) images: usize,
    /// Inferences before the measured ones.
    #[arg(long, default_value_t = 1)]
    pub(crate) warmups: usize,
    /// Checkpoint folder of the same network, to verify every inference; needs a server with --reveal-masks. Options that
    /// shape the plan have to be the server's.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// With --model: test images for the accuracy in the clear (real and fixed point).
    #[arg(long, default_value_t = 1000)]
    pub(crate) accuracy_images: usize,
    /// Measured inferences whose transcripts are kept, for `linnet project`.
    #[arg(long, default_value_t = 3)]
    pub(crate) transcripts: usize,
    /// What rows call the network between the hosts.
    #[arg(long, default_value = "network")]
    pub(crate) network: String,
    /// Threads of this party.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Longest wait for a sign of life from the server, seconds.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) deadline: f64,
    /// Folder of runs.
    #[arg(long, default_value = "runs")]
    pub(crate) out: PathBuf,
    /// Name of the run; made from the time if absent.
    #[arg(long)]
    pub(crate) id: Option<RunId>,
    /// With --model: the server's --link.
    #[arg(long, default_value = "lan")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

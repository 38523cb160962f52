//! The channel over real sockets and in process: what is counted, what fails how, and whether links keep
//! their numbers.
#![expect(clippy::unwrap_used, reason = "a failure anywhere in a test is that test's failure")]

mod capture;
mod certificates;
mod counting;
mod faults;
mod hosts;
mod shaping;
mod wire;

use netem::{Channel, FrameKind, Link};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

const DATA: FrameKind = FrameKind(7);

/// A listener on a free port.
fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Both ends of a TCP channel.
fn tcp(link: &Link, deadline: Duration) -> (Channel, Channel) {
    let (listener, addr) = listen();
    let client = Channel::connect(addr, link, deadline).unwrap();
    (client, Channel::accept(&listener, link, deadline).unwrap())
}

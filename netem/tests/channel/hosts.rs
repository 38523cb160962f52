//! Connections between two hosts: who is let in, and that what is counted is what it is without encryption.

use super::DATA;
use netem::{Channel, Error, Identity, Phase, SERVER_NAME};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A folder of keys by an authority of its own.
fn keys(folder: &Path) {
    keys_with(folder, |_, _| ());
}

/// [`keys`], where `adjust` may change what a party's certificate says.
pub(crate) fn keys_with(folder: &Path, adjust: impl Fn(&str, &mut CertificateParams)) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for party in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let name = if party == "server" { SERVER_NAME } else { "linnet-client" };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        adjust(party, &mut params);
        let certificate = params.signed_by(&key, &authority).unwrap();
        std::fs::write(folder.join(format!("{party}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{party}.key")), key.serialize_pem()).unwrap();
    }
}

/// Both ends of a connection, as far as each gets.
pub(crate) fn connect(
    server: Identity,
    client: Identity,
) -> (Result<Channel, Error>, Result<Channel, Error>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let accepting =
        thread::spawn(move || Channel::between_hosts(listener.accept().unwrap().0, &server, DEADLINE));
    let client = Channel::between_hosts(TcpStream::connect(address).unwrap(), &client, DEADLINE);
    (accepting.join().unwrap(), client)
}

#[test]
fn what_travels_by_tls_is_whole_and_counted_as_ever() {
    let temp = tempfile::tempdir().unwrap();
    keys(temp.path());
    whole_and_counted(Identity::server(temp.path()).unwrap(), Identity::client(temp.path()).unwrap());
    whole_and_counted(Identity::unnamed_server().unwrap(), Identity::unnamed_client().unwrap());
}

fn whole_and_counted(server: Identity, client: Identity) {
    let (server, client) = connect(server, client);
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    // Both send much at once, in frames of all sizes.
    let sizes: Vec<usize> = (0..200).map(|i| (i * i * 37) % 300_000).collect();
    let exchange = |channel: &mut Channel, salt: u8, theirs: u8| {
        channel.enter(Phase::Online, 1);
        for size in &sizes {
            channel.send(DATA, vec![salt; *size]).unwrap();
        }
        for size in &sizes {
            assert_eq!(channel.recv(DATA, *size).unwrap(), vec![theirs; *size]);
        }
        channel.take_usage().remove(0)
    };
    let (of_server, of_client) = thread::scope(|scope| {
        let serving = scope.spawn(|| exchange(&mut server, 1, 2));
        let asked = exchange(&mut client, 2, 1);
        (serving.join().unwrap(), asked)
    });
    let all: usize = sizes.iter().sum();
    assert_eq!((of_client.bytes_out, of_client.header_out), (all as u64, 5 * 200));
    assert_eq!((of_client.bytes_in, of_server.bytes_in), (of_server.bytes_out, of_client.bytes_out));
    drop(client);
    assert!(matches!(server.recv(DATA, 1), Err(Error::Closed { .. })));
}

#[test]
fn a_party_of_another_authority_is_refused_by_either_side() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    keys(ours.path());
    keys(theirs.path());
    let (server, client) =
        connect(Identity::server(theirs.path()).unwrap(), Identity::client(ours.path()).unwrap());
    let refused = client.err().unwrap().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    assert!(server.is_err());
    // A client that knows the server's authority, and has its own certificate of another.
    std::fs::copy(ours.path().join("ca.pem"), theirs.path().join("ca.pem")).unwrap();
    let (server, client) =
        connect(Identity::server(ours.path()).unwrap(), Identity::client(theirs.path()).unwrap());
    let refused = server.err().unwrap().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    // In TLS 1.3 the client hears of it behind the handshake.
    let heard = client.and_then(|mut channel| channel.recv(DATA, 1)).err().unwrap().to_string();
    assert!(heard.contains("alert"), "{heard}");
}

#[test]
fn a_client_without_a_certificate_gets_nowhere() {
    let temp = tempfile::tempdir().unwrap();
    keys(temp.path());
    let (server, client) =
        connect(Identity::server(temp.path()).unwrap(), Identity::unnamed_client().unwrap());
    assert!(server.is_err());
    assert!(client.and_then(|mut channel| channel.recv(DATA, 1)).is_err());
}

/// A server without a certificate of the authority is none for a client that has keys.
#[test]
fn a_server_without_a_name_is_refused_by_a_client_with_keys() {
    let temp = tempfile::tempdir().unwrap();
    keys(temp.path());
    let (_, client) = connect(Identity::unnamed_server().unwrap(), Identity::client(temp.path()).unwrap());
    let refused = client.err().unwrap().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}

/// A handshake has one deadline, however often a byte of it comes; and so has one that is never read.
#[test]
fn a_handshake_of_drops_meets_the_deadline() {
    const SHORT: Duration = Duration::from_millis(300);
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[7; 500]].concat();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let dripping = thread::spawn(move || {
        for byte in hello {
            if peer.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(SHORT / 10);
        }
    });
    let start = Instant::now();
    let stream = listener.accept().unwrap().0;
    let error = Channel::between_hosts(stream, &Identity::unnamed_server().unwrap(), SHORT).err().unwrap();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    assert!(start.elapsed() >= SHORT && start.elapsed() < SHORT + DEADLINE, "{:?}", start.elapsed());
    dripping.join().unwrap();
}

/// A byte that is changed on the way ends the connection, with certificates or without.
#[test]
fn what_is_changed_on_the_way_is_found() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let middle = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let change = Arc::new(AtomicBool::new(false));
    let changing = Arc::clone(&change);
    let (address, between) = (listener.local_addr().unwrap(), middle.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let identity = Identity::unnamed_server().unwrap();
        let mut server = Channel::between_hosts(listener.accept().unwrap().0, &identity, DEADLINE).unwrap();
        (server.recv(DATA, 1000).map(|_| ()), server.recv(DATA, 1000).map(|_| ()))
    });
    thread::spawn(move || {
        let client = middle.accept().unwrap().0;
        let server = TcpStream::connect(address).unwrap();
        let (mut back, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut back, &mut to_client));
        let (mut client, mut server) = (client, server);
        let mut buffer = [0; 4096];
        while let Ok(count) = client.read(&mut buffer) {
            if count > 0 && changing.load(Ordering::SeqCst) {
                buffer[count - 1] ^= 1;
            }
            if count == 0 || server.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    });
    let stream = TcpStream::connect(between).unwrap();
    let mut client = Channel::between_hosts(stream, &Identity::unnamed_client().unwrap(), DEADLINE).unwrap();
    client.send(DATA, vec![1; 1000]).unwrap();
    client.flush().unwrap();
    // Once the first frame is through.
    thread::sleep(Duration::from_millis(300));
    change.store(true, Ordering::SeqCst);
    client.send(DATA, vec![2; 1000]).unwrap();
    client.flush().unwrap();
    let (first, second) = serving.join().unwrap();
    first.unwrap();
    assert!(second.is_err());
}

#[test]
fn keys_that_are_not_there_or_not_keys_are_named() {
    let temp = tempfile::tempdir().unwrap();
    let missing = Identity::client(temp.path()).err().unwrap().to_string();
    assert!(missing.contains("client.pem") && missing.contains("expected a certificate"), "{missing}");
    keys(temp.path());
    std::fs::write(temp.path().join("server.key"), "no key").unwrap();
    let wrong = Identity::server(temp.path()).err().unwrap().to_string();
    assert!(wrong.contains("server.key") && wrong.contains("expected a private key"), "{wrong}");
    keys(temp.path());
    let key = KeyPair::generate().unwrap();
    std::fs::write(temp.path().join("server.key"), key.serialize_pem()).unwrap();
    let other = Identity::server(temp.path()).err().unwrap().to_string();
    assert!(other.contains("expected a certificate, its key"), "{other}");
}

#[test]
fn a_connection_beyond_this_host_without_certificates_is_refused() {
    // An address of this machine that is not a loopback one, where there is one.
    let outward = std::net::UdpSocket::bind("0.0.0.0:0")
        .and_then(|socket| socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr()));
    let Ok(address) = outward.map(|address| address.ip()) else {
        eprintln!("skipped: this machine has no address but loopback");
        return;
    };
    let Ok(listener) = TcpListener::bind((address, 0)) else { return };
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let refused = Channel::between_hosts(stream, &Identity::unnamed_client().unwrap(), DEADLINE)
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("found none with"), "{refused}");
}

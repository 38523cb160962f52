//! Whom TLS refuses: certificates that are not good, or not good for this; old versions; no TLS at all. Each in time, and
//! with what is wrong at both ends.

use super::hosts::{DEADLINE, connect, keys_with};
use super::{DATA, listen};
use netem::{Channel, Error, Fault, Identity, Link};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// What to change in a party's certificate.
type Adjust = fn(&mut CertificateParams);

/// The other side says what is wrong with this party's certificate, and this party hears of it, even where it has sent
/// something by then.
fn refused(party: &str, adjust: Adjust, found: &str, alert: &str) {
    let temp = tempfile::tempdir().unwrap();
    keys_with(temp.path(), |whose, params| {
        if whose == party {
            adjust(params);
        }
    });
    let start = Instant::now();
    let (server, client) =
        connect(Identity::server(temp.path()).unwrap(), Identity::client(temp.path()).unwrap());
    let (own, other) = if party == "server" { (server, client) } else { (client, server) };
    let says = other.err().unwrap();
    assert!(matches!(says, Error::Tls { .. }) && says.fault() == Fault::Peer, "{says}");
    assert!(says.to_string().contains(found), "{party}: {says}");
    let hears = own.and_then(|mut channel| {
        channel.send(DATA, vec![1])?;
        channel.recv(DATA, 1)
    });
    let hears = hears.unwrap_err();
    assert!(matches!(hears, Error::Tls { .. }) && hears.to_string().contains(alert), "{party}: {hears}");
    assert!(start.elapsed() < DEADLINE, "{:?}", start.elapsed());
}

#[test]
fn a_certificate_that_has_expired_is_refused_by_either_side() {
    let adjust: Adjust = |params| params.not_after = date_time_ymd(2001, 1, 1);
    refused("server", adjust, "certificate expired", "CertificateExpired");
    refused("client", adjust, "certificate expired", "CertificateExpired");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused_by_either_side() {
    let adjust: Adjust = |params| params.not_before = date_time_ymd(4000, 1, 1);
    refused("server", adjust, "not valid yet", "CertificateExpired");
    refused("client", adjust, "not valid yet", "CertificateExpired");
}

#[test]
fn a_server_of_another_name_is_refused() {
    let adjust: Adjust = |params| *params = CertificateParams::new(vec!["linnet-client".to_owned()]).unwrap();
    refused("server", adjust, "not valid for name \"linnet-server\"", "BadCertificate");
}

/// Each party's certificate, as `linnet keys` makes them, is good for its own side alone.
#[test]
fn a_certificate_for_the_other_side_is_refused_by_either_side() {
    let for_clients: Adjust = |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let for_servers: Adjust = |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let found = "does not allow extended key usage";
    refused("server", for_clients, found, "alert");
    refused("client", for_servers, found, "alert");
}

/// A handshake message of TLS 1.2 in a record of its own.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let short = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let message = [&[kind, 0][..], &short(body), body].concat();
    [&[22, 3, 3][..], &short(&message), &message].concat()
}

/// An alert of the kind `protocol_version`, and nothing else.
const PROTOCOL_VERSION: [u8; 7] = [21, 3, 3, 0, 2, 2, 70];

/// What an end says that is given these bytes, and what it answers.
fn told(identity: &Identity, bytes: &[u8]) -> (Error, Vec<u8>) {
    let (listener, address) = listen();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(bytes).unwrap();
    let stream = listener.accept().unwrap().0;
    let start = Instant::now();
    thread::scope(|scope| {
        let answer = scope.spawn(move || {
            let mut answer = Vec::new();
            peer.read_to_end(&mut answer).unwrap();
            answer
        });
        let error = Channel::between_hosts(stream, identity, DEADLINE).err().unwrap();
        assert!(start.elapsed() < DEADLINE, "{:?}", start.elapsed());
        (error, answer.join().unwrap())
    })
}

#[test]
fn a_client_of_an_older_version_gets_an_alert_and_no_hello() {
    // Version, random, no session; two suites of TLS 1.2; no compression.
    let start = [&[3, 3][..], &[7; 32], &[0], &[0, 4, 0xc0, 0x2b, 0xc0, 0x2f], &[1, 0]].concat();
    // Groups: x25519. Signatures: ECDSA and RSA-PSS. Versions: 1.2.
    let groups = [0, 10, 0, 4, 0, 2, 0, 29];
    let signatures = [0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    let versions = [0, 43, 0, 3, 2, 3, 3];
    let temp = tempfile::tempdir().unwrap();
    keys_with(temp.path(), |_, _| ());
    for identity in [Identity::unnamed_server().unwrap(), Identity::server(temp.path()).unwrap()] {
        for extensions in
            [[&groups[..], &signatures].concat(), [&groups[..], &signatures, &versions].concat()]
        {
            let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
            let hello = record(1, &[&start[..], &length, &extensions].concat());
            // What it goes on to say does not keep the alert from it.
            let (error, answer) = told(&identity, &[hello, vec![0; 50_000]].concat());
            assert!(matches!(error, Error::Tls { .. }), "{error}");
            assert!(error.to_string().contains("peer is incompatible"), "{error}");
            assert_eq!(answer, PROTOCOL_VERSION, "{error}");
        }
    }
}

#[test]
fn a_server_that_answers_with_an_older_version_gets_an_alert() {
    // Version, random, no session; a suite of TLS 1.2; no compression.
    let hello = record(2, &[&[3, 3][..], &[7; 32], &[0], &[0xc0, 0x2b], &[0]].concat());
    let (error, answer) = told(&Identity::unnamed_client().unwrap(), &hello);
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert!(error.to_string().contains("peer is incompatible"), "{error}");
    // Behind its own hello.
    assert!(answer.starts_with(&[22, 3, 1]) && answer.ends_with(&PROTOCOL_VERSION), "{answer:02x?}");
}

#[test]
fn one_end_by_tls_and_one_without_find_out() {
    for tls_listens in [true, false] {
        let (listener, address) = listen();
        let start = Instant::now();
        let (plain, tls) = thread::scope(|scope| {
            let listening = scope.spawn(|| match tls_listens {
                true => {
                    let identity = Identity::unnamed_server().unwrap();
                    Channel::between_hosts(listener.accept().unwrap().0, &identity, DEADLINE)
                }
                false => Channel::accept(&listener, &Link::loopback(), DEADLINE),
            });
            let connecting = match tls_listens {
                true => Channel::connect(address, &Link::loopback(), DEADLINE),
                false => {
                    let stream = TcpStream::connect(address).unwrap();
                    Channel::between_hosts(stream, &Identity::unnamed_client().unwrap(), DEADLINE)
                }
            };
            let listening = listening.join().unwrap();
            if tls_listens { (connecting, listening) } else { (listening, connecting) }
        });
        let tls = tls.err().unwrap();
        // A plain end that has read a client's hello may end before it has greeted.
        assert!(
            matches!(tls, Error::Tls { .. }) || matches!(tls, Error::Closed { .. }) && !tls_listens,
            "{tls}"
        );
        let plain = plain.unwrap().recv(DATA, 1).unwrap_err();
        assert!(matches!(plain, Error::Malformed { .. } | Error::Closed { .. }), "{plain}");
        assert!(start.elapsed() < DEADLINE - Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

//! TLS 1.3, with certificates at both ends for parties on two hosts. Source: rustls, which does the whole protocol;
//! this module splits its one connection into a half that reads and a half that writes, each for a thread of its own.
//!
//! Two parties on one host may do without certificates. What they send is then as safe from whoever listens or changes it
//! on the way, unless that was there when the connection was made.

use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme,
};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::End;
use crate::parting::part;
use crate::{Error, Phase};

/// The name in every server's certificate, on whichever host it runs: trust comes from the test authority that signed
/// it.
pub const SERVER_NAME: &str = "linnet-server";

/// Name of the authority's certificate in a folder of keys.
const AUTHORITY: &str = "ca.pem";

/// Plaintext that is encrypted at a time.
const CHUNK: usize = 256 << 10;

/// Bytes that are read from the socket at a time.
const READ: usize = 256 << 10;

/// A party's certificate and key, and the authority that must have signed the other party's certificate; or none of these.
/// It cannot be printed.
#[derive(Clone)]
pub struct Identity {
    side: Side,
    /// Whether there are certificates.
    named: bool,
}

#[derive(Clone)]
enum Side {
    Client(Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

impl Identity {
    /// A client's, from `ca.pem`, `client.pem` and `client.key` in `folder`.
    ///
    /// # Errors
    /// [`Error::Keys`] with the file and what is wrong with it.
    pub fn client(folder: &Path) -> Result<Self, Error> {
        let keys = Keys::load(folder, "client")?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| keys.wrong(error))?
            .with_root_certificates(keys.authority()?)
            .with_client_auth_cert(keys.chain.clone(), keys.key.clone_key())
            .map_err(|error| keys.wrong(error))?;
        Ok(Self { side: Side::Client(Arc::new(config)), named: true })
    }

    /// A server's, from `ca.pem`, `server.pem` and `server.key` in `folder`.
    ///
    /// # Errors
    /// [`Error::Keys`] with the file and what is wrong with it.
    pub fn server(folder: &Path) -> Result<Self, Error> {
        let keys = Keys::load(folder, "server")?;
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(keys.authority()?), Arc::clone(&provider))
                .build()
                .map_err(|error| keys.wrong(error))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| keys.wrong(error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(keys.chain.clone(), keys.key.clone_key())
            .map_err(|error| keys.wrong(error))?;
        Ok(Self { side: Side::Server(Arc::new(config)), named: true })
    }

    /// A client's that shows no certificate and takes any, for a server on this host.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn unnamed_client() -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unprepared)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        Ok(Self { side: Side::Client(Arc::new(config)), named: false })
    }

    /// A server's with a certificate that it has just made, and that asks for none, for clients on this host.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn unnamed_server() -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(unprepared)?;
        let params = CertificateParams::new(vec![SERVER_NAME.to_owned()]).map_err(unprepared)?;
        let certificate = params.self_signed(&key).map_err(unprepared)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unprepared)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(unprepared)?;
        Ok(Self { side: Side::Server(Arc::new(config)), named: false })
    }

    /// Whether it shows a certificate that an authority has signed, and asks for one.
    pub(crate) fn has_name(&self) -> bool {
        self.named
    }

    /// Shakes hands over a connection; all of it within the deadline, however often something comes. A bad certificate is an
    /// error: found here, or told by the other end's alert where that end finds it first, maybe behind the handshake.
    pub(crate) fn handshake(&self, socket: TcpStream, deadline: Duration) -> Result<Tls, Error> {
        const DOING: &str = "shaking hands (TLS)";
        let failed = |source: io::Error| Error::Io { doing: DOING, source };
        let mut connection = match &self.side {
            Side::Client(config) => {
                let name = ServerName::try_from(SERVER_NAME).expect("the name is a DNS name");
                Connection::from(ClientConnection::new(Arc::clone(config), name).map_err(unprepared)?)
            }
            Side::Server(config) => {
                Connection::from(ServerConnection::new(Arc::clone(config)).map_err(unprepared)?)
            }
        };
        connection.set_buffer_limit(None);
        let until = Instant::now() + deadline;
        let late = || End::Stalled.at(Phase::Setup, 0, DOING, deadline);
        let told = |error: io::Error| End::of(DOING, &error).at(Phase::Setup, 0, DOING, deadline);
        // What is left to write when the handshake is over for this end is still part of it for the other.
        while connection.is_handshaking() || connection.wants_write() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            let mut stream = &socket;
            if connection.wants_write() {
                socket.set_write_timeout(Some(left)).map_err(failed)?;
                connection.write_tls(&mut stream).map_err(told)?;
                continue;
            }
            socket.set_read_timeout(Some(left)).map_err(failed)?;
            if connection.read_tls(&mut stream).map_err(told)? == 0 {
                return Err(told(ErrorKind::UnexpectedEof.into()));
            }
            if let Err(error) = connection.process_new_packets() {
                // The other end is told why, if it still listens.
                let _ = connection.write_tls(&mut stream);
                part(&socket);
                return Err(Error::Tls { found: error.to_string() });
            }
        }
        socket.set_read_timeout(None).map_err(failed)?;
        let (ended, writing) = (AtomicBool::new(false), Mutex::new(()));
        let shared = Shared { connection: Mutex::new(connection), ended, socket, writing };
        Ok(Tls(Arc::new(shared)))
    }
}

fn unprepared(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Io { doing: "preparing TLS", source: io::Error::other(error) }
}

/// Takes any certificate whose key the other end has.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The keys and certificates that a folder holds for one party.
struct Keys {
    folder: PathBuf,
    authority: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Keys {
    fn load(folder: &Path, party: &str) -> Result<Self, Error> {
        let (certificate, key) = (folder.join(format!("{party}.pem")), folder.join(format!("{party}.key")));
        let chain = CertificateDer::pem_file_iter(&certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&certificate, "a certificate in PEM", error))?;
        let key =
            PrivateKeyDer::from_pem_file(&key).map_err(|error| wrong(&key, "a private key in PEM", error))?;
        Ok(Self { folder: folder.to_owned(), authority: folder.join(AUTHORITY), chain, key })
    }

    fn authority(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(&self.authority)
            .map_err(|error| wrong(&self.authority, "an authority's certificate in PEM", error))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(&self.authority, "an authority's certificate", error))?;
        Ok(roots)
    }

    fn wrong(&self, error: impl std::fmt::Display) -> Error {
        wrong(&self.folder, "a certificate, its key and an authority", error)
    }
}

fn wrong(path: &Path, expected: &'static str, found: impl std::fmt::Display) -> Error {
    Error::Keys { path: path.to_owned(), expected, found: found.to_string() }
}

/// A connection after the handshake.
pub(crate) struct Tls(Arc<Shared>);

struct Shared {
    connection: Mutex<Connection>,
    /// This end has said that nothing follows, since nobody is there to read either. Set while the connection is held.
    ended: AtomicBool,
    socket: TcpStream,
    /// Held from before bytes are taken out of the connection until they are in the socket, so that they stay in order.
    writing: Mutex<()>,
}

/// The half that reads.
pub(crate) struct TlsReader {
    shared: Arc<Shared>,
    encrypted: Vec<u8>,
    /// Plaintext that was decrypted, and how much of it has been read.
    plain: Vec<u8>,
    read: usize,
}

/// The half that writes.
pub(crate) struct TlsWriter {
    shared: Arc<Shared>,
    /// The other end takes nothing any more.
    failed: bool,
}

impl Tls {
    /// Both halves.
    ///
    /// # Errors
    /// What came right behind the handshake makes no sense.
    pub(crate) fn split(self) -> io::Result<(TlsReader, TlsWriter)> {
        let mut plain = Vec::new();
        take_plain(&mut self.0.connection(), &mut plain)?;
        let reader = TlsReader { shared: Arc::clone(&self.0), encrypted: vec![0; READ], plain, read: 0 };
        Ok((reader, TlsWriter { shared: self.0, failed: false }))
    }
}

impl Shared {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `prepare` put something into the connection, and sends what comes out of it.
    fn send<T>(&self, prepare: impl FnOnce(&mut Connection) -> io::Result<T>) -> io::Result<T> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut encrypted = Vec::new();
        let mut connection = self.connection();
        let prepared = prepare(&mut connection)?;
        while connection.wants_write() {
            connection.write_tls(&mut encrypted)?;
        }
        drop(connection);
        (&self.socket).write_all(&encrypted)?;
        Ok(prepared)
    }
}

/// Appends what the connection has decrypted to `plain`; returns whether the other end has said that nothing follows.
fn take_plain(connection: &mut Connection, plain: &mut Vec<u8>) -> io::Result<bool> {
    let state =
        connection.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    let start = plain.len();
    plain.resize(start + state.plaintext_bytes_to_read(), 0);
    connection.reader().read_exact(&mut plain[start..])?;
    Ok(state.peer_has_closed())
}

impl Write for TlsWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(CHUNK)];
        let written = self.shared.send(|connection| connection.writer().write(chunk));
        self.failed = written.is_err();
        written
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        // Small slices, such as headers, travel in one record with what follows.
        let mut joined = Vec::with_capacity(CHUNK);
        for slice in slices {
            joined.extend_from_slice(&slice[..slice.len().min(CHUNK - joined.len())]);
            if joined.len() == CHUNK {
                break;
            }
        }
        self.write(&joined)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TlsWriter {
    /// Tells the other end that nothing follows.
    fn drop(&mut self) {
        // An end that is gone need not be told; what it sent before is still good.
        if !self.failed {
            let _ = self.shared.send(|connection| {
                self.shared.ended.store(true, Ordering::Relaxed);
                connection.send_close_notify();
                Ok(())
            });
        }
    }
}

impl Read for TlsReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.plain.len() {
            self.plain.clear();
            self.read = 0;
            let count = (&self.shared.socket).read(&mut self.encrypted)?;
            if !self.decrypt(count)? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.plain.len() - self.read);
        buffer[..count].copy_from_slice(&self.plain[self.read..][..count]);
        self.read += count;
        Ok(count)
    }
}

impl TlsReader {
    /// Decrypts what has come; `false` at the end of the stream.
    fn decrypt(&mut self, count: usize) -> io::Result<bool> {
        let mut arrived = &self.encrypted[..count];
        let (mut answers, mut closed) = (false, count == 0);
        let mut connection = self.shared.connection();
        if self.shared.ended.load(Ordering::Relaxed) {
            // It is taken off the socket alone, and complaints about it can no longer be sent.
            return Ok(!closed);
        }
        while !arrived.is_empty() && !closed {
            connection.read_tls(&mut arrived)?;
            closed = take_plain(&mut connection, &mut self.plain)?;
            answers |= connection.wants_write();
        }
        drop(connection);
        if answers {
            self.shared.send(|_| Ok(()))?;
        }
        Ok(!closed || !self.plain.is_empty())
    }
}

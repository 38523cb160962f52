//! TLS 1.3 with certificates at both ends, for parties on two hosts. Source: rustls, which does the whole protocol;
//! this module splits its one connection into a half that reads and a half that writes, each for a thread of its own.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Error;

/// The name in every server's certificate, on whichever host it runs: trust comes from the test authority that signed
/// it.
pub const SERVER_NAME: &str = "linnet-server";

/// Name of the authority's certificate in a folder of keys.
const AUTHORITY: &str = "ca.pem";

/// Plaintext that is encrypted at a time.
const CHUNK: usize = 256 << 10;

/// Bytes that are read from the socket at a time.
const READ: usize = 256 << 10;

/// A party's certificate and key, and the authority that must have signed the other party's certificate. It
/// cannot be printed.
#[derive(Clone)]
pub struct Identity(Side);

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
        Ok(Self(Side::Client(Arc::new(config))))
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
        Ok(Self(Side::Server(Arc::new(config))))
    }

    /// Shakes hands over a connection within the deadline. A bad certificate is an error: found here, or told by the
    /// other end's alert where that end finds it first.
    pub(crate) fn handshake(&self, socket: TcpStream, deadline: Duration) -> Result<Tls, Error> {
        let failed = |source: io::Error| Error::Io { doing: "shaking hands (TLS)", source };
        let refused = |error: rustls::Error| failed(io::Error::new(ErrorKind::InvalidData, error));
        let mut connection = match &self.0 {
            Side::Client(config) => {
                let name = ServerName::try_from(SERVER_NAME).expect("the name is a DNS name");
                Connection::from(ClientConnection::new(Arc::clone(config), name).map_err(refused)?)
            }
            Side::Server(config) => {
                Connection::from(ServerConnection::new(Arc::clone(config)).map_err(refused)?)
            }
        };
        connection.set_buffer_limit(None);
        socket.set_read_timeout(Some(deadline)).map_err(failed)?;
        socket.set_write_timeout(Some(deadline)).map_err(failed)?;
        let mut stream = &socket;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(failed)?;
        }
        socket.set_read_timeout(None).map_err(failed)?;
        let shared = Shared { connection: Mutex::new(connection), socket, writing: Mutex::new(()) };
        Ok(Tls(Arc::new(shared)))
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
pub(crate) struct TlsWriter(Arc<Shared>);

impl Tls {
    /// Both halves.
    ///
    /// # Errors
    /// What came right behind the handshake makes no sense.
    pub(crate) fn split(self) -> io::Result<(TlsReader, TlsWriter)> {
        let mut plain = Vec::new();
        take_plain(&mut self.0.connection(), &mut plain)?;
        let reader = TlsReader { shared: Arc::clone(&self.0), encrypted: vec![0; READ], plain, read: 0 };
        Ok((reader, TlsWriter(self.0)))
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
        self.0.send(|connection| connection.writer().write(chunk))
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
        // An end that is gone need not be told.
        let _ = self.0.send(|connection| {
            connection.send_close_notify();
            Ok(())
        });
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

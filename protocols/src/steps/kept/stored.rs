//! What preprocessed kept units occupy.

/// Bytes.
#[derive(Default)]
pub struct Stored {
    /// In all, at the client.
    pub client: usize,
    /// In all, at the server.
    pub server: usize,
    /// The client's labels.
    pub labels: usize,
    /// The garbled material.
    pub material: usize,
    /// The client's tables, and what belongs to them.
    pub tables: usize,
    /// What client and server have of a layer instead, after the offer.
    pub offered: [usize; 2],
}

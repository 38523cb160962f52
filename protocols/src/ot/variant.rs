//! Which extension makes the correlated OTs of a session.

use crate::block::SECURITY_BITS;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, EnumMessage, IntoStaticStr, VariantArray};

/// How base OTs are extended to correlated OTs: the more bits of the offset a column serves, the fewer bytes travel and the
/// more is computed.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumCount,
    EnumMessage,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OtVariant {
    /// IKNP: 16 bytes and two cipher blocks a transfer.
    Iknp,
    /// SoftSpoken OT with k = 2: 8 bytes and two cipher blocks a transfer.
    Softspoken2,
    /// SoftSpoken OT with k = 4: 4 bytes and four cipher blocks a transfer.
    #[default]
    Softspoken4,
    /// SoftSpoken OT with k = 8: 2 bytes and 32 cipher blocks a transfer.
    Softspoken8,
}

impl OtVariant {
    /// All of them.
    pub const ALL: [Self; Self::COUNT] = match Self::VARIANTS.first_chunk() {
        Some(all) => *all,
        None => unreachable!(),
    };

    /// The name used on the command line and in results.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What it does, for help texts: its documentation here.
    pub fn summary(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end_matches('.')
    }

    /// The variant of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// k: bits of the offset that one column serves. It divides [`SECURITY_BITS`].
    pub const fn depth(self) -> usize {
        match self {
            Self::Iknp => 1,
            Self::Softspoken2 => 2,
            Self::Softspoken4 => 4,
            Self::Softspoken8 => 8,
        }
    }

    /// Columns that travel, and trees of keys.
    pub const fn groups(self) -> usize {
        SECURITY_BITS / self.depth()
    }

    /// Keys of a group, each of a stream of its own.
    pub const fn keys(self) -> usize {
        1 << self.depth()
    }
}

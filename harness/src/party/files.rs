//! What the parties of a session read when they start.

use crate::error::Error;
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// The plan and the server's weights on disk, for this user alone and only while a session starts.
pub(crate) struct PartyFiles(tempfile::TempDir);

impl PartyFiles {
    /// Writes both.
    pub(crate) fn write(plan: &PreparedPlan, secrets: &ServerSecrets) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("linnet-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(Error::io("making a folder for the parties' files"))?;
        let files = Self(folder);
        let plan = serde_json::to_vec(&**plan).expect("a plan is plain data");
        for (path, bytes) in [(files.plan(), plan), (files.secrets(), secrets.to_bytes())] {
            std::fs::write(&path, bytes).map_err(Error::io(format!("writing {}", path.display())))?;
        }
        Ok(files)
    }

    /// The plan's file.
    pub(crate) fn plan(&self) -> PathBuf {
        self.0.path().join("plan.json")
    }

    /// The weights' file.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.0.path().join("secrets")
    }
}

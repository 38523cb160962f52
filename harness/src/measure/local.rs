//! A session of two processes on this host.

use super::cell::Cell;
use super::progress::Progress;
use super::session::Driver;
use crate::error::Error;
use crate::party::pair::{Pair, PhaseReport};
use netem::Phase;

/// The session of a cell; the processes start with its first inference.
pub(super) struct Local<'a> {
    pub(super) cell: &'a Cell<'a>,
    pub(super) pair: &'a mut Option<Pair>,
    pub(super) progress: &'a mut Progress,
}

impl Local<'_> {
    fn pair(&mut self) -> &mut Pair {
        self.pair.as_mut().expect("set-up comes first")
    }
}

impl Driver for Local<'_> {
    fn setup(&mut self) -> Result<Option<PhaseReport>, Error> {
        if self.pair.is_some() {
            return Ok(None);
        }
        self.progress.phase(self.cell, Phase::Setup);
        let files = self.cell.party_files()?;
        let (pair, setup) = Pair::start(&self.cell.start(&files), self.cell.experiment.pin)?;
        *self.pair = Some(pair);
        Ok(Some(setup))
    }

    fn offline(&mut self, record: bool) -> Result<PhaseReport, Error> {
        self.progress.phase(self.cell, Phase::Offline);
        self.pair().offline(record)
    }

    fn online(&mut self, image: &[f32]) -> Result<PhaseReport, Error> {
        self.progress.phase(self.cell, Phase::Online);
        self.pair().online(image.to_vec())
    }
}

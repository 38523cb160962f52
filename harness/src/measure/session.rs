//! The one flow of an inference, whoever runs its phases: set-up before the first of a session, offline, online; each
//! recorded and held against the prediction; then the outcome verified and the row saved.

use super::ledger::{Ledger, Prediction, finish};
use crate::error::Error;
use crate::model::Compiled;
use crate::party::pair::PhaseReport;
use models::real::argmax;
use results::{InferenceRow, InferenceStatus, Run};

/// A session of two parties, phase by phase.
pub(crate) trait Driver {
    /// Set-up, before the first inference of the session; nothing before others.
    fn setup(&mut self) -> Result<Option<PhaseReport>, Error>;
    /// Preprocesses one inference; `record` asks for transcripts of both its phases.
    fn offline(&mut self, record: bool) -> Result<PhaseReport, Error>;
    /// Classifies one normalised image.
    fn online(&mut self, image: &[f32]) -> Result<PhaseReport, Error>;
}

/// What inferences of a cell are held against.
pub(crate) struct Flow<'a> {
    pub(crate) prediction: &'a Prediction<'a>,
    /// The network itself, where inferences are verified.
    pub(crate) compiled: Option<&'a Compiled>,
    /// Measured inferences whose transcripts are kept.
    pub(crate) transcripts: usize,
}

impl Flow<'_> {
    /// Runs the inference of `row`, which has its classes in the clear, and saves it. Returns why it failed, if it did;
    /// errors where it cannot be saved.
    pub(crate) fn run(
        &self,
        driver: &mut impl Driver,
        mut row: InferenceRow,
        image: &[f32],
        run: &mut Run,
    ) -> Result<Option<Error>, Error> {
        let record = !row.warmup && (row.repeat as usize) < self.transcripts;
        let mut ledger = Ledger { record, ..Ledger::default() };
        let outcome = self.phases(driver, &mut row, image, &mut ledger);
        if let Err(error) = &outcome {
            row.status = InferenceStatus::Failed;
            row.error = Some(error.to_string());
        }
        run.transcript(&ledger.transcript)?;
        run.inference(&row, &ledger.steps)?;
        Ok(outcome.err())
    }

    /// Fills in the row as far as it gets.
    fn phases(
        &self,
        driver: &mut impl Driver,
        row: &mut InferenceRow,
        image: &[f32],
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        if let Some(setup) = driver.setup()? {
            self.prediction.record(row, ledger, &setup)?;
        }
        let offline = driver.offline(ledger.record)?;
        row.store_client_bytes = offline.client.store_bytes;
        row.store_server_bytes = offline.server.store_bytes;
        self.prediction.record(row, ledger, &offline)?;
        let online = driver.online(image)?;
        self.prediction.record(row, ledger, &online)?;
        match self.compiled {
            Some(compiled) => finish(&compiled.plan, &compiled.secrets, row, image, online),
            None => {
                let logits = online.client.outcome.and_then(|outcome| outcome.logits);
                row.class_secure = logits.map(|logits| argmax(&logits) as u32);
                Ok(())
            }
        }
    }
}

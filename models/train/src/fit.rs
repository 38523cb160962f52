//! Running the stages of a job: epochs, the best of them, and continuing after an end at any time.

use crate::answers::{Answers, Shelf};
use crate::images::{Batch, accuracy, whole};
use crate::masking::Chooser;
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::pass::Lesson;
use crate::precision::Precision;
use crate::stage::Stage;
use crate::state::{Candidate, State};
use crate::watch::Watch;
use crate::{Error, state};
use models::checkpoint::Epoch;
use models::data::{Dataset, Normalisation};
use models::mask::Masks;
use results::curves::{self, EpochRow};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use tch::Tensor;

/// What is to be trained, on what, and where its state lives.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The images that weights are fitted to.
    pub train: &'a Dataset,
    /// The images that the best epoch is chosen on.
    pub held_out: &'a Dataset,
    /// How images become inputs.
    pub normalisation: &'a Normalisation,
    /// One after the other; each starts from the best epoch so far.
    pub stages: &'a [Stage],
    /// The teacher, with all units kept, of the stages that distil.
    pub teacher: Option<&'a Network>,
    /// Where the teacher's answers are left for other runs.
    pub shelf: Option<&'a Shelf>,
    /// Determines order and augmentation.
    pub seed: u64,
    /// Epochs that the network was trained for before, with the same seed: images go on in the orders and variants behind those.
    pub before: usize,
    /// Everything else that determines the outcome: a state on disk is continued only if this is the same.
    pub settings: &'a serde_json::Value,
    /// The title of the training's curves.
    pub name: &'a str,
    /// Folder of the state and the curves.
    pub dir: &'a Path,
}

impl Job<'_> {
    /// Runs to the end, from the state on disk if there is one, else from `network` and `masks`.
    /// The state stays until [`Job::forget`].
    pub fn run(
        &self,
        network: Network,
        masks: Masks,
        watch: &mut dyn Watch,
    ) -> Result<(Candidate, Vec<Epoch>), Error> {
        let (graph, device) = (network.graph().clone(), network.device());
        let mut state = match State::load(self.dir, &graph, self.settings)? {
            Some(state) => {
                watch.note(&format!(
                    "continuing in {} after {} epochs",
                    self.dir.display(),
                    state.history.len()
                ));
                state
            }
            None => State {
                stage: 0,
                epoch: 0,
                parameters: network.parameters(),
                masks,
                steps: 0,
                averages: Default::default(),
                best: None,
                history: Vec::new(),
            },
        };
        let held_out = whole(self.held_out, self.normalisation, device);
        let answers = |teacher| Answers::of(teacher, self.train, self.normalisation, self.shelf);
        let answers = self.teacher.map(answers);
        while let Some(stage) = self.stages.get(state.stage) {
            let lesson = Lesson {
                train: self.train,
                normalisation: self.normalisation,
                stage,
                index: state.stage,
                seed: self.seed,
                before: self.before,
                network: &Network::new(&graph, &state.parameters, device).at(Precision::of(device)),
                answers: answers.as_ref().filter(|_| stage.distil.is_some()),
            };
            self.epochs(&lesson, &mut state, &held_out, watch)?;
            if let Some(best) = &state.best {
                (state.parameters, state.masks) = (best.parameters.clone(), best.masks.clone());
            }
            (state.stage, state.epoch, state.steps) = (state.stage + 1, 0, 0);
            state.averages.clear();
        }
        // Anew, in case a run was cut off between its last state and its curves.
        self.draw(&state.history)?;
        let best = state.best.ok_or_else(|| {
            Error::config("epochs", "at least one with no more units than asked for", "none of them")
        })?;
        Ok((best, state.history))
    }

    /// Writes the curves of the epochs so far.
    fn draw(&self, history: &[Epoch]) -> Result<(), Error> {
        let row = |epoch: &Epoch| EpochRow {
            phase: epoch.stage.clone(),
            epoch: epoch.epoch as u64,
            loss: epoch.loss,
            train: epoch.train,
            held_out: epoch.held_out,
        };
        fs::create_dir_all(self.dir).map_err(|e| Error::io(self.dir, e))?;
        Ok(curves::write(self.dir, self.name, &history.iter().map(row).collect::<Vec<_>>())?)
    }

    /// Removes the state from disk.
    pub fn forget(&self) -> Result<(), Error> {
        let path = self.dir.join(state::FILE);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, e)),
            _ => Ok(()),
        }
    }

    /// The epochs of one stage that are still to be done.
    fn epochs(
        &self,
        lesson: &Lesson<'_>,
        state: &mut State,
        held_out: &Batch,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let (stage, network, graph) = (lesson.stage, lesson.network, lesson.network.graph());
        let per_epoch = self.train.len().div_ceil(stage.batch);
        let mut optimizer = Optimizer::new(stage.rule, network.trainable());
        let mut chooser = Chooser::new(&stage.masking, graph, (stage.epochs, per_epoch), network.device());
        optimizer.restore(state.steps, |name| state.averages.get(name).map(Tensor::shallow_clone));
        chooser.restore(state.steps, &state.averages, network.device());
        if state.epoch == 0 && stage.epochs > 0 && chooser.surveys() {
            lesson.pass(&mut state.masks, &mut chooser, None, 0, watch);
            state.masks = chooser.choose(graph, state.masks.clone(), 0, stage.epochs);
        }
        while state.epoch < stage.epochs {
            let epoch = state.epoch + 1;
            let pass = lesson.pass(&mut state.masks, &mut chooser, Some(&mut optimizer), epoch, watch);
            if !pass.loss.is_finite() {
                return Err(Error::Diverged { stage: stage.name.clone(), epoch, loss: pass.loss });
            }
            let gates = chooser.judged(graph, &state.masks, network.device());
            let accuracy = accuracy(&network.at(Precision::Full), &gates, held_out);
            state.parameters = network.parameters();
            let better = state.best.as_ref().is_none_or(|best| accuracy > best.held_out);
            if better && chooser.eligible(graph, &state.masks) {
                let (parameters, masks) = (state.parameters.clone(), state.masks.clone());
                state.best = Some(Candidate { parameters, masks, held_out: accuracy });
            }
            state.masks = chooser.choose(graph, state.masks.clone(), epoch, stage.epochs);
            (state.epoch, state.steps) = (epoch, optimizer.steps());
            state.averages = optimizer.saved().chain(chooser.saved()).collect();
            let (loss, train) = (pass.loss, pass.accuracy);
            let record = Epoch { stage: stage.name.clone(), epoch, loss, train, held_out: accuracy };
            state.history.push(record.clone());
            state.save(self.dir, self.settings)?;
            self.draw(&state.history)?;
            if watch.epoch(&record, stage.epochs) == ControlFlow::Break(()) {
                return Err(Error::Stopped);
            }
        }
        Ok(())
    }
}

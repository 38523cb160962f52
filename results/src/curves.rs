//! How a training went, beside the checkpoint that came of it: `curves.csv`, and its picture `curves.svg`.

pub use crate::schema::EpochRow;

use crate::Error;
use crate::pictures::curves::draw;
use crate::run::files::{check, write_table, write_whole};
use crate::schema::Row;
use std::path::Path;

/// Name of the table.
pub const TABLE: &str = EpochRow::FILE;
/// Name of the picture.
pub const PICTURE: &str = "curves.svg";

/// Puts both files, named [`TABLE`] and [`PICTURE`], into the folder `dir`, replacing older ones; each appears whole
/// or not at all. `name` says whose training it was.
///
/// # Errors
/// [`Error::Row`] if a column breaks its rule; [`Error::Io`] if the disk refuses.
pub fn write(dir: &Path, name: &str, epochs: &[EpochRow]) -> Result<(), Error> {
    check(epochs)?;
    write_table(dir, epochs)?;
    write_whole(&dir.join(PICTURE), draw(name, epochs).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(phase: &str, epoch: u64, held_out: f64) -> EpochRow {
        EpochRow { phase: phase.into(), epoch, loss: 1.0 / epoch as f64, train: 0.5, held_out }
    }

    #[test]
    fn the_table_says_what_it_was_given() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "mini", &[epoch("replace", 1, 0.25), epoch("finetune", 4, 0.75)]).unwrap();
        write(dir.path(), "mini", &[epoch("replace", 1, 0.25), epoch("finetune", 2, 0.75)]).unwrap();
        let table = std::fs::read_to_string(dir.path().join(TABLE)).unwrap();
        assert_eq!(
            table,
            "phase,epoch,loss,train,held_out\nreplace,1,1.0,0.5,0.25\nfinetune,2,0.5,0.5,0.75\n"
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
        let readme = include_str!("../README.md");
        for column in table.lines().next().unwrap().split(',') {
            let (_, after) = readme.split_once("## `curves.csv`").unwrap();
            assert!(after.contains(&format!("| `{column}` |")), "{column}");
        }
    }

    #[test]
    fn what_no_training_reports_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let column = |row: EpochRow| match write(dir.path(), "mini", &[row]) {
            Err(Error::Row { file: TABLE, column, .. }) => column,
            other => panic!("{other:?}"),
        };
        assert_eq!(column(epoch("", 1, 0.5)), "phase");
        assert_eq!(column(epoch("train", 1, 1.5)), "held_out");
        assert_eq!(column(EpochRow { loss: f64::NAN, ..epoch("train", 1, 0.5) }), "loss");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

//! Where nothing can be written is found before any image is read.

use models::data::DataSource;
use train::Error;
use train::linearize::{Budget, LinearizeSettings, Origin, linearize};
use train::privshap::{ShapleySettings, report};
use train::train::{TrainSettings, train};
use train::watch::Silent;

#[test]
fn where_nothing_can_be_written_nothing_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = TrainSettings::recipe("mini", &DataSource::Shapes);
    let small = TrainSettings { epochs: 1, limit: Some(50), threads: 1, ..recipe };
    let network = train(&small, &DataSource::Shapes, &folder.path().join("network"), &mut Silent).unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let (out, nowhere) = (file.join("out"), DataSource::parse("cifar10", Some(&file)).unwrap());
    let refused = |result: Result<(), Error>| {
        let error = result.expect_err("there is a file in the way");
        assert!(matches!(error, Error::Results(_)), "{error}");
        assert!(error.to_string().contains("file"), "{error}");
    };
    refused(train(&small, &nowhere, &out, &mut Silent).map(drop));
    let settings =
        LinearizeSettings { limit: Some(50), threads: 1, ..LinearizeSettings::recipe(&DataSource::Shapes) };
    let (origin, budgets) = (Origin::of(&network), [Budget::Units(1000)]);
    refused(linearize(&settings, origin, &budgets, &DataSource::Shapes, &out, &mut Silent).map(drop));
    let settings = ShapleySettings { depth: 1, images: 10, ..Default::default() };
    refused(report(&settings, 1, &network, &DataSource::Shapes, &out, &mut Silent).map(drop));
}

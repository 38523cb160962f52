//! Every way of making correlated OTs, under everything that takes them.

use crate::branches::multiplying;
use crate::fixtures::random;
use crate::protocol::{check_run, small};
use models::fixed::scales::Scales;
use models::graph::{Activation, Graph};
use netem::Phase;
use protocols::compile::Choices;
use protocols::cost::{predict, total};
use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;

/// Bit for bit the clear replay and every frame as predicted, over inferences of one session.
fn check(graph: Graph, relu: ReluVariant) {
    let mut fixture = random(graph, 0.6, Scales { fa: 6, fw: 6 }, 37);
    for ot in OtVariant::ALL {
        fixture = fixture.chosen(&Choices { relu, ot, ..Choices::default() });
        assert_eq!(fixture.plan.ot, ot);
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..3]);
    }
}

#[test]
fn kept_and_linearized_units_by_every_transfer() {
    for relu in ReluVariant::ALL {
        check(small(Activation::Relu), relu);
        check(small(Activation::Relu6), relu);
    }
}

#[test]
fn products_by_every_transfer() {
    ReluVariant::ALL.into_iter().for_each(|relu| check(multiplying(), relu));
}

/// What silent OT makes at the beginning costs no flight offline.
#[test]
fn silent_transfers_take_no_flight_more() {
    for relu in ReluVariant::ALL {
        let fixture = random(small(Activation::Relu), 0.6, Scales { fa: 6, fw: 6 }, 37);
        let flights = |ot| {
            let (plan, _) = protocols::compile::compile(
                "small",
                &fixture.model,
                &Choices { relu, ot, ..Choices::default() },
            )
            .unwrap();
            let offline = total(&predict(&plan), Phase::Offline);
            offline.up.flights + offline.down.flights
        };
        assert!(flights(OtVariant::Silent) <= flights(OtVariant::default()), "{}", relu.name());
    }
}

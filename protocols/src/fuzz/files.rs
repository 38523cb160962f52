//! What files hold, and offers: plans, secrets, preprocessed inferences, what work takes.

use super::network::{Special, network};
use super::target;
use crate::client::{Client, ClientReady};
use crate::handshake::SessionId;
use crate::plan::Plan;
use crate::plan::validate::validate;
use crate::pool::{Owner, PAIR_BYTES, Pool};
use crate::prepared::PreparedPlan;
use crate::secrets::ServerSecrets;
use crate::server::{Model, Server, ServerReady};
use crate::service::ItemId;
use crate::timing::{self, Rates};
use crate::{cost, memory, show};
use netem::{Channel, Link};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::io::Write;
use std::time::{Duration, Instant};

/// Units of all values of a plan that is made ready.
const MOST_UNITS: usize = 1 << 18;

/// A plan is what an offer brings. Everything that reads plans reads what was taken, and what is written is the same plan.
#[test]
fn plan_json() {
    let seeds = Special::all().map(|special| serde_json::to_vec(&*network(special).0).unwrap());
    let (rates, link) = (Rates::reference(), Link::parse("wan").unwrap());
    target("plan_json").seeds(seeds).allows(64, 16 << 20).run(|bytes| {
        let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return false };
        let Ok(()) = validate(&plan) else { return false };
        // Made ready, it holds what its units take: who is offered a plan asks for its room first.
        if plan.shapes().iter().map(|shape| shape.size()).sum::<usize>() > MOST_UNITS {
            return false;
        }
        let Ok(plan) = PreparedPlan::from_json(bytes) else { return false };
        let again = PreparedPlan::from_json(&serde_json::to_vec(&*plan).unwrap()).unwrap();
        assert!(*again == *plan && again.digest() == plan.digest());
        assert!(cost::inference_bytes(&cost::predict(&plan)) > 0);
        assert!(timing::times(&plan, &rates, &link).total_s() > 0.0);
        assert!(memory::Memory::of(&plan).peak(false).client > 0);
        let shown = show::shown(&plan);
        assert!(shown.whole[0].contains(&plan.name) && shown.steps.len() == plan.steps.len());
        true
    });
}

/// Secrets that are taken are those that are written, and can be prepared with.
#[test]
fn secrets() {
    let (plan, secrets, _) = network(Special::all().next().unwrap());
    target("secrets").seeds([secrets.to_bytes()]).allows(64, 8 << 20).run(|bytes| {
        let Ok(secrets) = ServerSecrets::from_bytes(bytes, &plan) else { return false };
        // Its proof of the noise may refuse them.
        let prepared = Model::prepare(&plan, &secrets).map(drop);
        assert!(
            prepared.is_ok() || bytes != secrets.to_bytes() || !prepared.unwrap_err().to_string().is_empty()
        );
        let again = secrets.to_bytes();
        assert!(ServerSecrets::from_bytes(&again, &plan).unwrap().to_bytes() == again);
        true
    });
}

/// What both parties save of one preprocessed inference.
fn items(plan: &PreparedPlan, model: &Model<'_>) -> [Vec<u8>; 2] {
    let (mut ours, mut theirs) = Channel::pair(Duration::from_secs(60));
    let session = SessionId([1; 16]);
    std::thread::scope(|scope| {
        let client = scope.spawn(move || {
            let mut rng = ChaCha20Rng::seed_from_u64(1);
            let mut client = Client::connect(&mut ours, plan, session, &mut rng).unwrap();
            let mut item = Vec::new();
            client.offline(&mut ours, &mut rng).unwrap().save(&mut item).unwrap();
            item
        });
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut server = Server::accept(&mut theirs, model, session, &mut rng).unwrap();
        let mut item = Vec::new();
        server.offline(&mut theirs, &mut rng).unwrap().save(&mut item).unwrap();
        [client.join().unwrap(), item]
    })
}

/// Every byte of an item counts, so what is loaded saves the same, but for flags that are more than a bit.
#[test]
fn client_item() {
    let (plan, secrets, _) = network(Special::all().nth(1).unwrap());
    let [item, _] = items(&plan, &Model::prepare(&plan, &secrets).unwrap());
    target("client_item").seeds([item]).run(|bytes| {
        let Ok(ready) = ClientReady::load(&plan, &mut &bytes[..]) else { return false };
        let mut saved = Vec::new();
        ready.save(&mut saved).unwrap();
        assert_eq!(saved.len(), bytes.len());
        true
    });
}

#[test]
fn server_item() {
    let (plan, secrets, _) = network(Special::all().nth(1).unwrap());
    let model = Model::prepare(&plan, &secrets).unwrap();
    let [_, item] = items(&plan, &model);
    target("server_item").seeds([item]).run(|bytes| {
        let Ok(ready) = ServerReady::load(&model, &mut &bytes[..]) else { return false };
        let mut saved = Vec::new();
        ready.save(&mut saved).unwrap();
        assert_eq!(saved.len(), bytes.len());
        true
    });
}

/// A file in a pool's folder: only as it was written is anything of it given away.
#[test]
fn pool_item() {
    let (plan, ..) = network(Special::all().next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (id, name) = (ItemId([3; 16]), folder.path().join(format!("{}.item", ItemId([3; 16]))));
    let open = || Pool::open(folder.path(), Owner::Client, &plan, [5; PAIR_BYTES]);
    let save = |file: &mut dyn Write| {
        file.write_all(b"an inference").unwrap();
        Ok(())
    };
    open().unwrap().put(id, save).unwrap();
    let seed = std::fs::read(&name).unwrap();
    // Files' buffers are 1 MiB.
    target("pool_item").seeds([seed.clone()]).allows(64, 4 << 20).run(|bytes| {
        std::fs::write(&name, bytes).unwrap();
        let claim = || open().ok()?.claim(id, Instant::now()).ok()?;
        let Some(item) = claim() else { return false };
        let read = item.read(|file| Ok(file.read_to_end(&mut Vec::new()).unwrap())).is_ok();
        assert!(!read || bytes == seed, "a changed item was given away");
        read
    });
}

/// What work takes, as `linnet calibrate` wrote it, and predictions with it.
#[test]
fn rates_json() {
    let (plan, ..) = network(Special::all().next().unwrap());
    let link = Link::parse("wan").unwrap();
    let seed = serde_json::to_vec(&Rates::reference()).unwrap();
    target("rates_json").seeds([seed]).allows(64, 8 << 20).run(|bytes| {
        let Ok(rates) = serde_json::from_slice::<Rates>(bytes) else { return false };
        let _ = timing::times(&plan, &rates, &link).total_s();
        true
    });
}

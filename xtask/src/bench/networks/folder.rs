//! A run folder of `linnet`, read for its figures. Columns are those of `results/README.md`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The measured repeats of a run of one model over one link.
pub(super) struct Folder {
    repeats: Vec<Repeat>,
    link: Link,
}

/// One inference.
struct Repeat {
    peak_rss_bytes: u64,
    steps: Vec<Step>,
}

/// A row of `raw.csv`.
#[derive(Clone, Deserialize)]
struct Step {
    repeat: u32,
    warmup: bool,
    party: String,
    phase: String,
    step_kind: String,
    bytes_out: u64,
    header_out: u64,
    flights_out: u64,
    wall_ns: u64,
    compute_ns: u64,
}

/// A row of `inferences.csv`.
#[derive(Deserialize)]
struct Inference {
    repeat: u32,
    warmup: bool,
    verified: Option<bool>,
    status: String,
    error: Option<String>,
    peak_rss_client_bytes: Option<u64>,
    peak_rss_server_bytes: Option<u64>,
}

/// A link of `manifest.json`.
#[derive(Clone, Copy, Deserialize)]
struct Link {
    /// Of each direction, none where unshaped.
    rate_bytes_per_s: Option<f64>,
    rtt_s: f64,
}

#[derive(Deserialize)]
struct Manifest {
    links: Vec<Link>,
}

impl Folder {
    /// Reads `folder`; a repeat that failed or was not verified is an error, never a value.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let steps: Vec<Step> = rows(&folder.join("raw.csv"))?;
        let inferences: Vec<Inference> = rows(&folder.join("inferences.csv"))?;
        let manifest = folder.join("manifest.json");
        let text = std::fs::read_to_string(&manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
        let Manifest { links } =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", manifest.display()))?;
        let [link] = links[..] else { return Err(format!("{}: one link expected", manifest.display())) };
        Self::assemble(steps, inferences, link)
    }

    fn assemble(steps: Vec<Step>, inferences: Vec<Inference>, link: Link) -> Result<Self, String> {
        let mut repeats = Vec::new();
        for inference in inferences.into_iter().filter(|inference| !inference.warmup) {
            let Inference { repeat, status, error, .. } = &inference;
            if status != "ok" || inference.verified != Some(true) {
                let why = error.as_deref().unwrap_or("not verified");
                return Err(format!("repeat {repeat} ended {status}: {why}"));
            }
            let peaks = inference.peak_rss_client_bytes.zip(inference.peak_rss_server_bytes);
            let (client, server) = peaks.ok_or_else(|| format!("repeat {repeat} has no peak memory"))?;
            let own = |step: &&Step| !step.warmup && step.repeat == *repeat;
            let steps = steps.iter().filter(own).cloned().collect();
            repeats.push(Repeat { peak_rss_bytes: client.max(server), steps });
        }
        if repeats.is_empty() { Err("no measured repeat".to_owned()) } else { Ok(Self { repeats, link }) }
    }

    /// Offline time of the linear steps, of the slower party, per repeat.
    pub(super) fn linear_offline_seconds(&self) -> Result<Vec<f64>, String> {
        self.each(|repeat| {
            repeat.slower_seconds(|step| step.phase == "offline" && step.step_kind == "linear")
        })
    }

    /// Offline payload of the linear steps, both directions.
    pub(super) fn linear_offline_mebibytes(&self) -> Result<Vec<f64>, String> {
        let linear = |step: &Step| step.phase == "offline" && step.step_kind == "linear";
        self.each(|repeat| repeat.sum(linear, |step| step.bytes_out) / 1_048_576.0)
    }

    /// Offline time, of the slower party.
    pub(super) fn offline_seconds(&self) -> Result<Vec<f64>, String> {
        self.each(|repeat| repeat.slower_seconds(|step| step.phase == "offline"))
    }

    /// Online time, of the client, who waits for the answer.
    pub(super) fn online_seconds(&self) -> Result<Vec<f64>, String> {
        self.each(Repeat::online_seconds)
    }

    /// Online time over what it is made of: bytes / rate + rounds x one-way delay + computing of both parties.
    pub(super) fn online_against_parts(&self) -> Result<Vec<f64>, String> {
        let rate = self.link.rate_bytes_per_s.ok_or("the link has no rate")?;
        let online = |step: &Step| step.phase == "online";
        self.each(|repeat| {
            let transmission = repeat.sum(online, |step| step.bytes_out + step.header_out) / rate;
            let delay = repeat.sum(online, |step| step.flights_out) * self.link.rtt_s / 2.0;
            let computing = repeat.sum(online, |step| step.compute_ns) / 1e9;
            repeat.online_seconds() / (transmission + delay + computing)
        })
    }

    /// What both parties send in both phases, headers included.
    pub(super) fn megabytes(&self) -> Result<Vec<f64>, String> {
        let either = |step: &Step| ["offline", "online"].contains(&step.phase.as_str());
        self.each(|repeat| repeat.sum(either, |step| step.bytes_out + step.header_out) / 1e6)
    }

    /// The larger party's largest resident memory so far.
    pub(super) fn peak_gigabytes(&self) -> Result<Vec<f64>, String> {
        self.each(|repeat| repeat.peak_rss_bytes as f64 / 1e9)
    }

    /// A value that no run has is a missing row, not a measurement.
    fn each(&self, of: impl Fn(&Repeat) -> f64) -> Result<Vec<f64>, String> {
        let values: Vec<f64> = self.repeats.iter().map(of).collect();
        let sound = values.iter().all(|value| value.is_finite() && *value > 0.0);
        if sound { Ok(values) } else { Err("the run's rows lack what a figure is made of".to_owned()) }
    }
}

impl Repeat {
    /// Over the steps of both parties.
    fn sum(&self, of: impl Fn(&Step) -> bool, what: impl Fn(&Step) -> u64) -> f64 {
        self.steps.iter().filter(|step| of(step)).map(what).sum::<u64>() as f64
    }

    fn slower_seconds(&self, of: impl Fn(&Step) -> bool) -> f64 {
        let party = |name: &str| self.sum(|step| step.party == name && of(step), |step| step.wall_ns);
        party("client").max(party("server")) / 1e9
    }

    fn online_seconds(&self) -> f64 {
        self.sum(|step| step.party == "client" && step.phase == "online", |step| step.wall_ns) / 1e9
    }
}

pub(super) fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, String> {
    let fault = |error: csv::Error| format!("{}: {error}", path.display());
    csv::Reader::from_path(path).map_err(fault)?.deserialize().collect::<Result<_, _>>().map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "cell,repeat,warmup,party,phase,step,step_name,step_kind,bytes_out,bytes_in,header_out,header_in,\
                        messages_out,messages_in,flights_out,wall_ns,compute_ns,blocked_ns\n";
    const INFERENCES: &str =
        "cell,repeat,warmup,image,verified,status,error,peak_rss_client_bytes,peak_rss_server_bytes\n";

    /// Writes the three files of a run and reads them back.
    fn folder(name: &str, raw: &str, inferences: &str) -> Result<Folder, String> {
        let path = std::env::temp_dir().join(format!("linnet-xtask-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("raw.csv"), format!("{HEAD}{raw}")).unwrap();
        std::fs::write(path.join("inferences.csv"), format!("{INFERENCES}{inferences}")).unwrap();
        let manifest = r#"{"schema": 2, "links": [{"name": "lan", "rate_bytes_per_s": 1e6, "rtt_s": 0.2}]}"#;
        std::fs::write(path.join("manifest.json"), manifest).unwrap();
        let read = Folder::read(&path);
        std::fs::remove_dir_all(&path).unwrap();
        read
    }

    #[test]
    fn figures_are_sums_over_the_right_rows() {
        // A warm-up that must not count, then one repeat.
        let raw = "\
            m,0,false,client,setup,0,,,777,0,7,0,1,0,1,1,1,0\n\
            m,0,true,client,offline,1,conv,linear,999,0,9,0,1,0,1,9000000000,1,0\n\
            m,0,false,client,offline,1,conv,linear,1048576,524288,5,5,1,1,1,2000000000,1,0\n\
            m,0,false,server,offline,1,conv,linear,524288,1048576,5,5,1,1,1,3000000000,1,0\n\
            m,0,false,client,offline,2,relu,activation,10,0,5,0,1,0,1,2500000000,1,0\n\
            m,0,false,client,online,2,relu,activation,99990,0,10,0,2,0,1,500000000,100000000,0\n\
            m,0,false,server,online,2,relu,activation,99990,0,10,0,2,0,1,800000000,50000000,0\n";
        let inferences = "m,0,true,0,true,ok,,1,1\nm,0,false,0,true,ok,,1500000000,2500000000\n";
        let folder = folder("sums", raw, inferences).unwrap();
        assert_eq!(folder.linear_offline_seconds().unwrap(), [3.0]);
        assert_eq!(folder.linear_offline_mebibytes().unwrap(), [1.5]);
        assert_eq!(folder.offline_seconds().unwrap(), [4.5]);
        assert_eq!(folder.online_seconds().unwrap(), [0.5]);
        assert_eq!(folder.peak_gigabytes().unwrap(), [2.5]);
        assert_eq!(folder.megabytes().unwrap(), [(1_048_576 + 524_288 + 10 + 2 * 99_990 + 35) as f64 / 1e6]);
        // 0.2 s of bytes, two flights of 0.1 s, 0.15 s of computing.
        assert!((folder.online_against_parts().unwrap()[0] - 0.5 / 0.55).abs() < 1e-12);
    }

    #[test]
    fn a_failed_or_unverified_repeat_is_no_value() {
        let said = |name: &str, inferences: &str| folder(name, "", inferences).err().unwrap();
        assert_eq!(said("failed", "m,3,false,0,,failed,stalled,1,1\n"), "repeat 3 ended failed: stalled");
        assert_eq!(said("unverified", "m,0,false,0,,ok,,1,1\n"), "repeat 0 ended ok: not verified");
        assert_eq!(said("warm", "m,0,true,0,true,ok,,1,1\n"), "no measured repeat");
        let empty = folder("empty", "", "m,0,false,0,true,ok,,1,1\n").unwrap();
        assert!(empty.offline_seconds().is_err());
    }
}

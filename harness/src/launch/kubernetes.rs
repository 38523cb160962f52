//! An indexed Job of Kubernetes with a pod a share, and a Job that joins the shares once all have succeeded.

use super::job::{Job, Script, token};
use super::shell::{self, quoted};
use crate::cli::KubernetesArgs;
use crate::error::Error;
use crate::experiment::refused;
use serde_json::{Map, Value, json};
use std::path::{Component, Path};

/// Where the volume appears unless another place is asked for.
const MOUNT: &str = "/work";

/// Pods of a share that may fail before the share has failed.
const RETRIES: usize = 3;

/// Longest name of a Job whose pods have names of at most 63 characters, with `-merge` or an index behind it.
const LONGEST_NAME: usize = 57;

/// Labels of every pod: what it is kept apart from others by.
const LABEL: (&str, &str) = ("app.kubernetes.io/name", "linnet");

/// The Job of the shares, the joining Job, and what submits both.
pub(super) fn scripts(job: &Job, args: &KubernetesArgs) -> Result<[Script; 3], Error> {
    let pod = Pod::new(job, args)?;
    let count = job.shards;
    let shares = json!({
        "completionMode": "Indexed",
        "completions": count,
        "parallelism": count,
        "backoffLimitPerIndex": RETRIES,
        // A pod whose node fails or is taken away is no failure of its share.
        "podFailurePolicy": { "rules": [{
            "action": "Ignore",
            "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }],
        }] },
        "template": pod.template(job, &shell::share(job, "$((JOB_COMPLETION_INDEX + 1))", quoted_here)),
    });
    let merge = json!({
        "backoffLimit": RETRIES,
        "template": pod.template(job, &shell::merge(job, quoted_here)),
    });
    let merge_name = format!("{}-merge", job.name);
    Ok([
        Script { name: "shards.yaml", text: pod.manifest(&job.name, shares), executable: false },
        Script { name: "merge.yaml", text: pod.manifest(&merge_name, merge), executable: false },
        Script { name: "submit.sh", text: submit(&job.name, pod.namespace.as_deref()), executable: true },
    ])
}

/// What all pods have in common, checked.
struct Pod {
    image: String,
    claim: String,
    mount: String,
    namespace: Option<String>,
    node_selector: Map<String, Value>,
}

impl Pod {
    fn new(job: &Job, args: &KubernetesArgs) -> Result<Self, Error> {
        let mount = args.mount.clone().unwrap_or_else(|| MOUNT.to_owned());
        if !Path::new(&mount).is_absolute() || mount.contains(':') {
            return Err(refused("--mount", "an absolute path without `:`", mount));
        }
        label("--name", &job.name, LONGEST_NAME)?;
        inside("FILE", &job.sweep[0], &mount)?;
        inside("folder of runs", &job.runs, &mount)?;
        let given = |option, value: &Option<String>| {
            token(option, value).map(|value| value.expect("--kubernetes requires it"))
        };
        let (image, claim) = (given("--image", &args.image)?, given("--claim", &args.claim)?);
        claim.split('.').try_for_each(|part| label("--claim", part, 253))?;
        args.namespace.iter().try_for_each(|name| label("--namespace", name, 63))?;
        let node_selector = args.node_selector.iter().map(|text| selector(text)).collect::<Result<_, _>>()?;
        Ok(Self { image, claim, mount, namespace: args.namespace.clone(), node_selector })
    }

    /// A pod that runs the script: alone of its kind on a node, and with cores and memory of its own (the same is asked
    /// for as is allowed), since latencies are measured.
    fn template(&self, job: &Job, script: &str) -> Value {
        let labels = Map::from_iter([(LABEL.0.to_owned(), LABEL.1.into())]);
        let resources = json!({ "cpu": job.cpus.to_string(), "memory": format!("{}Mi", job.mebibytes) });
        let mut spec = json!({
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
                "labelSelector": { "matchLabels": labels },
                "topologyKey": "kubernetes.io/hostname",
            }] } },
            "containers": [{
                "name": "linnet",
                "image": self.image,
                "command": ["/bin/sh", "-euc", script],
                "workingDir": self.mount,
                "resources": { "requests": resources, "limits": resources },
                "volumeMounts": [{ "name": "work", "mountPath": self.mount }],
            }],
            "volumes": [{ "name": "work", "persistentVolumeClaim": { "claimName": self.claim } }],
        });
        if let Some(time) = job.time {
            spec["activeDeadlineSeconds"] = time.as_secs().into();
        }
        if !self.node_selector.is_empty() {
            spec["nodeSelector"] = self.node_selector.clone().into();
        }
        json!({ "metadata": { "labels": labels }, "spec": spec })
    }

    fn manifest(&self, name: &str, spec: Value) -> String {
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = namespace.as_str().into();
        }
        let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec });
        serde_saphyr::to_string(&job).expect("a manifest is plain data")
    }
}

/// A shell's word in a container's command, where Kubernetes makes `$` of `$$` and looks for variables behind `$(`.
fn quoted_here(word: &str) -> String {
    quoted(word).replace('$', "$$")
}

/// Errors unless the text may name an object: lower-case letters, digits, and hyphens between them.
fn label(option: &'static str, text: &str, longest: usize) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    match !text.is_empty() && text.len() <= longest && ends && text.chars().all(plain) {
        true => Ok(()),
        false => {
            let expected =
                format!("at most {longest} lower-case letters and digits, and hyphens between them");
            Err(refused(option, expected, format!("{text:?}")))
        }
    }
}

/// Errors unless the path lies in the volume.
fn inside(option: &'static str, path: &str, mount: &str) -> Result<(), Error> {
    let path = Path::new(path);
    let within = path.is_relative() || path.starts_with(mount);
    match within && !path.components().any(|part| part == Component::ParentDir) {
        true => Ok(()),
        false => {
            let expected = format!("a path in the claim's volume, relative or in {mount}, without `..`");
            Err(refused(option, expected, path.display()))
        }
    }
}

fn selector(text: &str) -> Result<(String, Value), Error> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    match text.split_once('=').filter(|(key, value)| !key.is_empty() && plain(key) && plain(value)) {
        Some((key, value)) => Ok((key.to_owned(), value.into())),
        None => Err(refused("--node-selector", "KEY=VALUE, a label of nodes", format!("{text:?}"))),
    }
}

/// Submits the shares, waits for them, and submits what joins them: a Job cannot wait for another.
fn submit(name: &str, namespace: Option<&str>) -> String {
    let kubectl =
        namespace.map_or_else(|| "kubectl".to_owned(), |name| format!("kubectl --namespace {name}"));
    format!(
        r#"#!/bin/sh
# Submits the shares, and once all have succeeded what joins them; stopped while it waits, it can be called again. Shares
# that have failed go on if their Job is deleted ({kubectl} delete job {name}) and this is called again.
set -eu
cd -- "$(dirname -- "$0")"
{kubectl} apply -f shards.yaml
while :; do
    ended=$({kubectl} get job {name} -o 'jsonpath={{.status.conditions[?(@.status=="True")].type}}')
    case " $ended " in
        *" Complete "*) break ;;
        *" Failed "*) echo "shares of {name} have failed" >&2; exit 1 ;;
    esac
    sleep 10
done
{kubectl} apply -f merge.yaml
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels() {
        for good in ["a", "cifar10-resnet20", "0"] {
            label("--name", good, 57).unwrap();
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", &"a".repeat(58)] {
            let error = label("--name", bad, 57).unwrap_err().to_string();
            assert!(error.starts_with("--name: expected at most 57 lower-case"), "{error}");
        }
    }

    #[test]
    fn paths_are_in_the_volume() {
        for good in ["e.toml", "./studies/e.toml", "/work/e.toml"] {
            inside("FILE", good, "/work").unwrap();
        }
        for bad in ["../e.toml", "/home/e.toml", "/workshop/e.toml", "/work/../e.toml"] {
            let error = inside("FILE", bad, "/work").unwrap_err().to_string();
            assert!(error.contains("relative or in /work") && error.ends_with(bad), "{error}");
        }
    }

    #[test]
    fn selectors_have_a_key() {
        assert_eq!(selector("a.b/c=d").unwrap(), ("a.b/c".into(), "d".into()));
        for bad in ["a", "=b", "a=b c"] {
            assert!(selector(bad).unwrap_err().to_string().contains("KEY=VALUE"), "{bad}");
        }
    }
}

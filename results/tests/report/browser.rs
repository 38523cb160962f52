//! A page in a browser, and what a script finds in it.

use serde::de::DeserializeOwned;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a page is looked at.
#[derive(Clone, Copy)]
pub(crate) enum Through {
    /// A wide window that prefers light pages.
    Desktop,
    /// A window of 390 pixels that prefers dark ones.
    Phone,
}

/// Notes what the page complains of.
const LISTEN: &str = "<script>window.errors = [];
addEventListener('error', (event) => errors.push(event.message));
addEventListener('unhandledrejection', (event) => errors.push(String(event.reason)));
console.error = (...words) => errors.push(words.join(' '));
console.warn = (...words) => errors.push(words.join(' '));</script>";

/// What every script may use. It ends by `done(what it found)`, once.
const HELP: &str = r"
const all = (selector) => [...document.querySelectorAll(selector)];
const texts = (selector) => all(selector).map((element) => element.textContent);
const done = (found) => {
  const coded = btoa(unescape(encodeURIComponent(JSON.stringify(found))));
  parent === window ? document.body.setAttribute('data-found', coded) : parent.postMessage(coded, '*');
};
// The browser's clock stands still for nothing but what is asked of it over and over.
const settled = async (promise) => {
  let value;
  promise.then((found) => { value = [found]; });
  for (let i = 0; i < 50000 && !value; i++) await new Promise((go) => setTimeout(go, 1));
  return value[0];
};
const change = (element, value, kind) => {
  element.value = value;
  element.dispatchEvent(new Event(kind));
};";

/// The browser's name; `None`, said aloud, where none is installed.
fn browser() -> Option<&'static str> {
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    });
    if browser.is_none() {
        println!("skipped: no chromium is installed (apt install chromium)");
    }
    browser
}

/// Opens the page at `hash` of its address and runs the script in it; `None` without a browser.
pub(crate) fn probe<T: DeserializeOwned>(
    page: &str,
    hash: &str,
    through: Through,
    script: &str,
) -> Option<T> {
    let browser = browser()?;
    let temp = tempfile::tempdir().unwrap();
    let script = format!(
        "<script>{HELP}\n(async () => {{{script}}})().catch((error) => done({{ failed: error.stack, errors }}));</script></body>"
    );
    let page = page.replacen("<head>", &format!("<head>{LISTEN}"), 1).replace("</body>", &script);
    std::fs::write(temp.path().join("page.html"), page).unwrap();
    // A window cannot be as narrow as a phone; a frame can.
    let phone = format!(
        r#"<!doctype html><body><iframe src="page.html{hash}" style="border: 0; width: 390px; height: 844px"></iframe>
<script>addEventListener("message", (event) => document.body.setAttribute("data-found", event.data));</script>"#
    );
    std::fs::write(temp.path().join("phone.html"), phone).unwrap();
    let (file, scheme) = match through {
        Through::Desktop => (format!("page.html{hash}"), "1"),
        Through::Phone => ("phone.html".to_owned(), "0"),
    };
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=60000",
            "--dump-dom",
        ])
        .arg("--window-size=1280,1000")
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", temp.path().join("profile").display()))
        .arg(format!("file://{}/{file}", Path::new(temp.path()).display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let coded = dom.split("data-found=\"").nth(1).and_then(|rest| rest.split('"').next());
    let coded = coded.unwrap_or_else(|| {
        panic!("the page's scripts did not end: {}", String::from_utf8_lossy(&output.stderr))
    });
    let json = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, coded).unwrap();
    let found = serde_json::from_slice(&json);
    Some(found.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json))))
}

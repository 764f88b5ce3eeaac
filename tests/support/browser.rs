//! Headless Chromium through chromedriver.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::backend::required;

/// After this long what should be seen on a page counts as missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The widths at which every page is looked at.
const WIDTHS: [u32; 2] = [1280, 400];

/// What a page must hold for everybody, as a list of sentences about what it does not.
const AUDIT: &str = include_str!("../fixtures/audit.js");

/// The tags of axe-core's rules: WCAG 2.2 to level AA, and what is good practice beyond.
const RULES: &str = r#"["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]"#;

/// Runs axe-core, and gives a sentence for each place that breaks a rule.
const AXE: &str = "const [tags, done] = [arguments[0], arguments[arguments.length - 1]]; \
    axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']}).then( \
    found => done(found.violations.flatMap(rule => rule.nodes.map(node => \
    `axe ${rule.id}: ${rule.help}: ${node.html.slice(0, 200)} ${node.any.concat(node.all, node.none).map(c => c.message).join('; ')}`))), \
    error => done([`axe failed: ${error}`]))";

/// A browser of a test's own: fresh profile, no other windows.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    address: SocketAddr,
    session: String,
    /// What was wrong with a page that was looked at, a line each.
    pub(crate) faults: Vec<String>,
    /// Whether axe-core is in every page that is opened.
    pub(crate) has_axe: bool,
    _profile: TempDir,
}

impl Browser {
    /// Starts one; where there is none, says so and gives nothing (a failure with `REQUIRE_BROWSER=1`).
    pub(crate) async fn start() -> Option<Self> {
        let Some(driver) = on_path("chromedriver") else {
            let reason = "no chromedriver on the PATH (apt-get install chromium chromium-driver)";
            assert!(!required("REQUIRE_BROWSER"), "a browser is required here: {reason}");
            println!("skipped: {reason}");
            return None;
        };
        let (driver, address) = start_driver(&driver);
        let profile = tempfile::Builder::new().prefix("scim-browser-").tempdir().expect("a temporary folder");
        let client = connect(address, profile.path()).await;
        let session = client.session_id().await.expect("a session").expect("a session");
        let axe = axe();
        let (faults, has_axe) = (Vec::new(), axe.is_some());
        let browser = Self { client, driver, address, session, faults, has_axe, _profile: profile };
        if let Some(axe) = axe {
            browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({"source": axe}));
        }
        browser.set_width(WIDTHS[0]);
        Some(browser)
    }

    pub(crate) async fn goto(&mut self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        self.client.current_url().await.expect("the page has a URL").path().to_owned()
    }

    /// The text that a person sees.
    pub(crate) async fn text(&self) -> String {
        let body = self.script("return document.body.innerText").await;
        body.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn script(&self, code: &str) -> Value {
        self.client.execute(code, Vec::new()).await.unwrap_or_else(|error| panic!("{code}: {error}"))
    }

    /// Waits until the page shows a text (without reload: what is live must come by itself).
    pub(crate) async fn wait_for_text(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            let shown = self.text().await;
            if shown.contains(text) {
                return;
            }
            if begun.elapsed() > PATIENCE {
                self.picture("missing").await;
                panic!("waited for {text:?} in vain on {}:\n{shown}", self.path().await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until a selector finds something.
    pub(crate) async fn wait_for(&mut self, css: &str) -> Element {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => {
                self.picture("missing").await;
                panic!("waited for {css} in vain on {}: {error}\n{}", self.path().await, self.text().await);
            }
        }
    }

    /// Types into a field by its name, in place of what is there.
    pub(crate) async fn fill(&mut self, name: &str, value: &str) {
        let field = self.wait_for(&format!("[name='{name}']")).await;
        field.clear().await.expect("the field can be emptied");
        field.send_keys(value).await.expect("the field takes keys");
    }

    /// Clicks what carries a text, as soon as it is there: a button, else a link, else a label.
    pub(crate) async fn click(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.clicked(text).await {
            if begun.elapsed() > PATIENCE {
                self.picture("missing").await;
                panic!("nothing to click with {text:?} on {}:\n{}", self.path().await, self.text().await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn clicked(&self, text: &str) -> bool {
        for kind in ["button", "a", "label", "summary"] {
            let xpath = format!("//{kind}[contains(normalize-space(.), \"{text}\")]");
            let found = self.client.find_all(Locator::XPath(&xpath)).await.expect("the page can be searched");
            for element in &found {
                // What a page that is being replaced showed is gone when it is clicked.
                if element.is_displayed().await.unwrap_or(false) {
                    match element.click().await {
                        Err(error) if error.is_stale_element_reference() => return false,
                        clicked => clicked.unwrap_or_else(|error| panic!("{text:?}: {error}")),
                    }
                    return true;
                }
            }
        }
        false
    }

    /// The text of the first element that a selector finds, also where it is hidden.
    pub(crate) async fn text_of(&mut self, css: &str) -> String {
        let element = self.wait_for(css).await;
        element.prop("textContent").await.expect("an element has text").unwrap_or_default().trim().to_owned()
    }

    /// Waits until a script returns this value.
    pub(crate) async fn wait_until(&mut self, code: &str, wanted: &Value) {
        let begun = Instant::now();
        loop {
            let found = self.script(code).await;
            if found == *wanted {
                return;
            }
            if begun.elapsed() > PATIENCE {
                self.picture("missing").await;
                let (path, text) = (self.path().await, self.text().await);
                panic!("waited for {code} to be {wanted} in vain, it is {found} on {path}:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Loads the page again until a selector finds something: for what a page without scripts shows only then.
    pub(crate) async fn reload_until(&mut self, css: &str) {
        let begun = Instant::now();
        while self.client.find(Locator::Css(css)).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "no {css} on {}:\n{}", self.path().await, self.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.client.refresh().await.expect("the page loads again");
        }
    }

    /// What is on the clipboard.
    pub(crate) async fn copied(&self) -> String {
        let asked = json!({"descriptor": {"name": "clipboard-read"}, "state": "granted"});
        self.ask("POST", "/permissions", &asked);
        let code =
            "const done = arguments[0]; navigator.clipboard.readText().then(done, e => done(String(e)))";
        let text = self.client.execute_async(code, Vec::new()).await.expect("the clipboard can be read");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// From the next page on none of the console's scripts run.
    pub(crate) fn without_scripts(&mut self) {
        // It is one of those that do not run.
        self.has_axe = false;
        self.cdp("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    }

    /// Looks at the page at both widths, light and dark: takes a picture of the whole of it and audits it.
    pub(crate) async fn shot(&mut self, name: &str) {
        for (scheme, suffix) in [("light", ""), ("dark", "-dark")] {
            self.set_scheme(scheme);
            for width in WIDTHS {
                self.set_width(width);
                self.picture(&format!("{name}-{width}{suffix}")).await;
                self.audit(&format!("{name} at {width} px, {scheme}")).await;
            }
        }
        self.set_scheme("light");
        self.set_width(WIDTHS[0]);
        self.hear_complaints(name).await;
    }

    /// Looks at the page at both widths without taking pictures.
    pub(crate) async fn look(&mut self, name: &str) {
        for width in WIDTHS {
            self.set_width(width);
            self.audit(&format!("{name} at {width} px")).await;
        }
        self.set_width(WIDTHS[0]);
        self.hear_complaints(name).await;
    }

    async fn audit(&mut self, place: &str) {
        let (faults, path) = (self.script(AUDIT).await, self.path().await);
        let faults = faults.as_array().expect("the audit returns a list").clone();
        self.faults.extend(faults.iter().map(|fault| format!("{place} ({path}): {fault}")));
        if self.has_axe {
            let tags = serde_json::from_str(RULES).expect("a list");
            let found = self.client.execute_async(AXE, vec![tags]).await;
            let found = found.unwrap_or_else(|error| panic!("axe-core on {path}: {error}"));
            let found = found.as_array().expect("a list").clone();
            self.faults.extend(found.iter().map(|fault| format!("{place} ({path}): {fault}")));
        }
    }

    /// Presses the key that moves the focus.
    pub(crate) fn press_tab(&self) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9});
            self.cdp("Input.dispatchKeyEvent", &key);
        }
    }

    /// Presses the key that follows a link or presses a button.
    pub(crate) fn press_enter(&self) {
        for kind in ["keyDown", "keyUp"] {
            let key = json!({"type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13});
            self.cdp("Input.dispatchKeyEvent", &key);
        }
    }

    async fn picture(&self, name: &str) {
        let size =
            self.script("const e = document.documentElement; return [e.scrollWidth, e.scrollHeight]").await;
        let clip = json!({"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1});
        let picture =
            self.cdp("Page.captureScreenshot", &json!({"captureBeyondViewport": true, "clip": clip}));
        let picture =
            base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().expect("a picture"));
        let file = screenshots().join(format!("{name}.png"));
        std::fs::write(&file, picture.expect("base64")).expect("the picture is written");
    }

    /// What the system says about light and dark.
    fn set_scheme(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.cdp("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// The window's own least width is above that of a telephone; the emulation's is not.
    fn set_width(&self, width: u32) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// What the browser itself complains about: script errors, refused resources, violations of the page's policy.
    /// That a page was answered with an error is not one of these: some are looked at on purpose.
    async fn hear_complaints(&mut self, name: &str) {
        let log = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let url = self.client.current_url().await.expect("the page has a URL");
        let own = format!("{url} - Failed to load resource: the server responded with a status of ");
        for entry in log.as_array().expect("the log is a list") {
            let message = entry["message"].as_str().unwrap_or_default();
            if entry["level"] == "SEVERE" && !message.starts_with(&own) {
                self.faults.push(format!("{name}: {message}"));
            }
        }
    }

    /// Nothing was wrong with any page that was looked at.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }

    fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Asks the driver for what the client library has no words for.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let target = format!("/session/{}{path}", self.session);
        let answer = ask(self.address, method, &target, &body.to_string());
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"));
        assert!(answer["value"].get("error").is_none(), "{method} {path} {body}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    /// Ends the session first: a driver that is only killed leaves its browser behind.
    fn drop(&mut self) {
        let _ = ask(self.address, "DELETE", &format!("/session/{}", self.session), "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// One request to the driver, which keeps its connections open whatever one asks for: the answer is as long as it says.
fn ask(address: SocketAddr, method: &str, target: &str, body: &str) -> std::io::Result<Value> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    (&stream).write_all(head.as_bytes())?;
    (&stream).write_all(body.as_bytes())?;
    let (mut reader, mut length) = (BufReader::new(&stream), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer)?;
    serde_json::from_slice(&answer).map_err(std::io::Error::other)
}

async fn connect(address: SocketAddr, profile: &Path) -> Client {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--force-color-profile=srgb",
        "--lang=en-GB",
        "--hide-scrollbars",
        "--window-size=1280,900",
    ];
    let mut arguments: Vec<_> = arguments.map(str::to_owned).into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let Value::Object(capabilities) = json!({
        "browserName": "chrome",
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }) else {
        unreachable!("it is written as an object")
    };
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://{address}"))
        .await
        .unwrap_or_else(|error| panic!("the browser does not start: {error}"))
}

/// Lets the driver choose its port and reads it from what it prints.
fn start_driver(driver: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(driver)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let number = line.strip_prefix("ChromeDriver was started successfully on port ")?;
        number.trim_end_matches('.').parse::<u16>().ok()
    });
    // Nobody reads on, and a full pipe would stop the driver.
    std::thread::spawn(move || lines.for_each(drop));
    (child, SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver says its port"))))
}

fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The code of axe-core, which audits pages; it is fetched, and no part of this repository. Where it is not, says so (a
/// failure with `REQUIRE_AXE=1`).
fn axe() -> Option<String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let file = std::env::var_os("AXE_CORE")
        .map_or_else(|| target.join("axe/node_modules/axe-core/axe.min.js"), PathBuf::from);
    match std::fs::read_to_string(&file) {
        Ok(code) => Some(code),
        Err(error) => {
            let reason = format!(
                "no axe-core at {} ({error}); get it with: npm install --prefix target/axe axe-core",
                file.display()
            );
            assert!(!required("REQUIRE_AXE"), "axe-core is required here: {reason}");
            println!("skipped: {reason}");
            None
        }
    }
}

fn screenshots() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let folder = target.join("screenshots");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

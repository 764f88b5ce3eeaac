//! Headless Chromium through chromedriver.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
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
use crate::support::http::{Request, send};

/// After this long what should be seen on a page counts as missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The widths at which every page is looked at.
const WIDTHS: [u32; 2] = [1280, 400];

/// A browser of a test's own: fresh profile, no other windows.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    address: SocketAddr,
    shots: usize,
    /// What was wrong with a page that was looked at, a line each.
    pub(crate) faults: Vec<String>,
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
        let mut browser = Self { client, driver, address, shots: 0, faults: Vec::new(), _profile: profile };
        browser.set_width(WIDTHS[0]).await;
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
                self.shot("missing").await;
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
                self.shot("missing").await;
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

    /// Clicks what carries a text: a button, a link or a label.
    pub(crate) async fn click(&mut self, text: &str) {
        let quoted = format!("\"{}\"", text.replace('"', ""));
        let xpath = format!(
            "(//button[contains(normalize-space(.), {quoted})] | //a[contains(normalize-space(.), {quoted})] \
             | //label[contains(normalize-space(.), {quoted})] | //summary[contains(normalize-space(.), {quoted})])"
        );
        let found = self.client.find_all(Locator::XPath(&xpath)).await.expect("the page can be searched");
        for element in &found {
            if element.is_displayed().await.unwrap_or(false) {
                element.click().await.unwrap_or_else(|error| panic!("{text:?}: {error}"));
                return;
            }
        }
        self.shot("missing").await;
        panic!("nothing to click with {text:?} on {}:\n{}", self.path().await, self.text().await);
    }

    /// Pictures of the whole page at both widths; on the way the page is audited.
    pub(crate) async fn shot(&mut self, name: &str) {
        self.shots += 1;
        for width in WIDTHS {
            self.set_width(width).await;
            let picture = self.cdp("Page.captureScreenshot", json!({"captureBeyondViewport": true})).await;
            let picture = base64::engine::general_purpose::STANDARD
                .decode(picture["data"].as_str().expect("a picture"));
            let file = screenshots().join(format!("{:02}-{name}-{width}.png", self.shots));
            std::fs::write(&file, picture.expect("base64")).expect("the picture is written");
            let faults = self.script(include_str!("../fixtures/audit.js")).await;
            let path = self.path().await;
            for fault in faults.as_array().into_iter().flatten().filter_map(Value::as_str) {
                let line = format!("{name} ({path}) at {width} px: {fault}");
                if !self.faults.contains(&line) {
                    self.faults.push(line);
                }
            }
        }
        self.set_width(WIDTHS[0]).await;
    }

    /// The window's own least width is above that of a telephone; the emulation's is not.
    async fn set_width(&mut self, width: u32) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What the browser itself complained about: script errors, refused resources, violations of the page's policy.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.driver_command("/se/log", &json!({"type": "browser"})).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.driver_command("/goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await
    }

    async fn driver_command(&self, path: &str, body: &Value) -> Value {
        let session = self.client.session_id().await.expect("a session").expect("a session");
        let request = Request::new("POST", &format!("/session/{session}{path}"))
            .header("Content-Type", "application/json")
            .json(body);
        let answer = send(self.address, &request).await.expect(200).json();
        answer["value"].clone()
    }

    pub(crate) async fn close(mut self) {
        // The driver goes anyway; a browser that is asked first leaves nothing behind.
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
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

fn screenshots() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let folder = target.join("screenshots");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

//! What is in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ACCOUNT, PASSWORD};

/// How it behaves.
#[derive(Clone)]
pub(crate) struct Switches {
    /// Before PATCH was there: 405 for it.
    pub(crate) old: bool,
    /// What an expired or unknown token is answered with: 403, or 401 as others do.
    pub(crate) bad_token: u16,
    /// Seconds that a token lives.
    pub(crate) token_life: u64,
    /// What an unknown id, or a disabled one that is not asked for, is answered with.
    pub(crate) unknown: u16,
    /// What deleting twice is answered with.
    pub(crate) deleted_twice: u16,
    /// Errors say `Message`.
    pub(crate) capital: bool,
    /// It thinks for so long before it answers.
    pub(crate) slow: Option<Duration>,
    /// So many users may be enabled.
    pub(crate) licences: usize,
    /// A page is never larger.
    pub(crate) page: usize,
    /// Adding a member twice is refused.
    pub(crate) strict_members: bool,
    /// Sorting is refused.
    pub(crate) no_sorting: bool,
    /// It is in read-only mode.
    pub(crate) read_only: bool,
    /// Rights that the account lacks.
    pub(crate) lacks: Vec<&'static str>,
    /// Passwords are at least this long, with one of each class.
    pub(crate) password_length: usize,
    /// The password of the application account.
    pub(crate) password: &'static str,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            old: false,
            bad_token: 403,
            token_life: 1199,
            unknown: 400,
            deleted_twice: 400,
            capital: false,
            slow: None,
            licences: usize::MAX,
            page: usize::MAX,
            strict_members: false,
            no_sorting: false,
            read_only: false,
            lacks: Vec::new(),
            password_length: 8,
            password: PASSWORD,
        }
    }
}

/// What goes wrong with one of the next requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It acts, and the answer is lost.
    LostAfter,
    /// The connection breaks before it acts.
    LostBefore,
    /// 500 with the insides of the program.
    Broken,
    /// 503 with a web page.
    Page503,
    /// 200 with a web page.
    Page200,
    /// 429 with Retry-After.
    TooMany,
    /// Half of the JSON.
    Cut,
    /// 200 that means that it failed.
    SaysNo,
}

/// A request that came, with passwords masked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Value,
}

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) display: String,
    pub(crate) email: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) domain: i64,
    pub(crate) application: bool,
}

#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) domain: i64,
    pub(crate) system: bool,
    pub(crate) members: BTreeSet<i64>,
}

pub(crate) struct World {
    pub(crate) switches: Switches,
    pub(crate) users: BTreeMap<i64, User>,
    pub(crate) groups: BTreeMap<i64, Group>,
    pub(crate) calls: Vec<Call>,
    /// Passwords that users were made with.
    pub(crate) passwords: Vec<String>,
    /// What goes wrong with the next requests that change something.
    pub(crate) faults: VecDeque<Fault>,
    /// The same for any request behind the sign-in.
    pub(crate) any_faults: VecDeque<Fault>,
    pub(crate) tokens: HashMap<String, Instant>,
    next_user: i64,
    next_group: i64,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            switches: Switches::default(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            calls: Vec::new(),
            passwords: Vec::new(),
            faults: VecDeque::new(),
            any_faults: VecDeque::new(),
            tokens: HashMap::new(),
            next_user: 2,
            next_group: 1,
        };
        world.user("ssadmin", None);
        let id = world.user(ACCOUNT, None);
        world.users.get_mut(&id).unwrap().application = true;
        let everyone = world.group("Everyone");
        world.groups.get_mut(&everyone).unwrap().system = true;
        let directory = world.group("Domain Admins");
        world.groups.get_mut(&directory).unwrap().domain = 1;
        world
    }

    /// Adds an enabled user.
    pub(crate) fn user(&mut self, name: &str, email: Option<&str>) -> i64 {
        let id = self.next_user;
        self.next_user += 1;
        // Each user owns a personal group, which is in no list.
        self.next_group += 1;
        let user = User {
            id,
            name: name.to_owned(),
            display: name.to_owned(),
            email: email.map(str::to_owned),
            enabled: true,
            domain: -1,
            application: false,
        };
        self.users.insert(id, user);
        id
    }

    /// Adds a group.
    pub(crate) fn group(&mut self, name: &str) -> i64 {
        let id = self.next_group;
        self.next_group += 1;
        let group = Group {
            id,
            name: name.to_owned(),
            enabled: true,
            domain: -1,
            system: false,
            members: BTreeSet::new(),
        };
        self.groups.insert(id, group);
        id
    }

    /// The user of this login name.
    pub(crate) fn named(&self, name: &str) -> Option<User> {
        self.users.values().find(|user| user.name.eq_ignore_ascii_case(name)).cloned()
    }

    /// The group of this name.
    pub(crate) fn group_named(&self, name: &str) -> Option<Group> {
        self.groups.values().find(|group| group.name.eq_ignore_ascii_case(name)).cloned()
    }

    /// The login names of a group's members, sorted.
    pub(crate) fn members(&self, group: &str) -> Vec<String> {
        let ids = self.group_named(group).map(|group| group.members).unwrap_or_default();
        let mut names: Vec<String> =
            ids.iter().filter_map(|id| self.users.get(id)).map(|user| user.name.clone()).collect();
        names.sort();
        names
    }

    /// Every token ends.
    pub(crate) fn end_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Calls of this method to paths with this in them.
    pub(crate) fn calls_of(&self, method: &str, part: &str) -> usize {
        self.calls.iter().filter(|call| call.method == method && call.path.contains(part)).count()
    }

    pub(crate) fn enabled(&self) -> usize {
        self.users.values().filter(|user| user.enabled).count()
    }

    pub(crate) fn lets_in(&self, name: &str, password: &str) -> bool {
        name.eq_ignore_ascii_case(ACCOUNT) && password == self.switches.password
    }

    pub(crate) fn new_token(&mut self) -> (String, u64) {
        let token = format!("AgJf{}-{}", self.tokens.len(), self.calls.len());
        let life = self.switches.token_life;
        self.tokens.insert(token.clone(), Instant::now() + Duration::from_secs(life));
        (token, life)
    }
}

impl User {
    pub(crate) fn model(&self) -> Value {
        json!({
            "id": self.id, "userName": self.name, "displayName": self.display, "emailAddress": self.email,
            "enabled": self.enabled, "domainId": self.domain, "isApplicationAccount": self.application,
            "externalUserSource": "None", "created": "2024-03-01T09:00:00", "lastLogin": "0001-01-01T00:00:00",
            "isLockedOut": false, "loginFailures": 0, "unixAuthenticationMethod": "Password", "twoFactor": false,
        })
    }
}

impl Group {
    pub(crate) fn model(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "enabled": self.enabled, "domainId": self.domain,
            "synchronized": self.domain != -1, "systemGroup": self.system,
            "canEditMembers": self.domain == -1 && !self.system, "isPlatform": false,
            "created": "2024-03-01T09:00:00",
        })
    }

    pub(crate) fn row(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "enabled": self.enabled, "memberCount": self.members.len(),
            "domainId": self.domain, "synchronized": self.domain != -1, "isPlatform": false,
        })
    }
}

//! What it answers.

use std::time::Instant;

use serde_json::{Value, json};

use super::world::{Call, Fault, User, World};
use super::{Asked, Reply};

const JSON: &str = "application/json; charset=utf-8";
const PAGE: &str = "text/html; charset=utf-8";

fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, kind: JSON, body: body.to_string(), retry_after: None, lost: false }
}

fn page(status: u16) -> Reply {
    let body = "<!DOCTYPE html><html><body>Sign in</body></html>".to_owned();
    Reply { status, kind: PAGE, body, retry_after: None, lost: false }
}

fn refuse(world: &World, status: u16, message: &str) -> Reply {
    let member = if world.switches.capital { "Message" } else { "message" };
    reply(status, &json!({ member: message }))
}

pub(super) fn answer(world: &mut World, asked: &Asked) -> Reply {
    note(world, asked);
    if asked.path == "/api/v1/healthcheck" {
        let read_only = world.switches.read_only;
        return reply(200, &json!({"healthy": true, "databaseHealthy": true, "readOnlyMode": read_only}));
    }
    if asked.path == "/oauth2/token" {
        return sign_in(world, asked);
    }
    let Some(path) = asked.path.strip_prefix("/api/v1/") else { return page(200) };
    let token = asked.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
    if token.and_then(|token| world.tokens.get(token)).is_none_or(|until| *until <= Instant::now()) {
        let status = world.switches.bad_token;
        return refuse(world, status, "Authentication failed");
    }
    let changes = asked.method != "GET";
    let mut fault = world.any_faults.pop_front();
    if changes && fault.is_none() {
        fault = world.faults.pop_front();
    }
    match fault {
        Some(Fault::LostBefore) => return Reply { lost: true, ..page(500) },
        Some(Fault::Page503) => return page(503),
        Some(Fault::Page200) => return page(200),
        Some(Fault::TooMany) => return Reply { retry_after: Some(1), ..refuse(world, 429, "Too many") },
        Some(Fault::SaysNo) => return reply(200, &json!({"success": false, "severity": "Retry"})),
        Some(Fault::Broken) => {
            let body = json!({
                "message": "An error has occurred.", "exceptionMessage": "Server=db;Password=internal",
                "exceptionType": "System.Data.SqlException", "stackTrace": "at Thycotic.Foo()",
            });
            return reply(500, &body);
        }
        Some(Fault::LostAfter | Fault::Cut) | None => {}
    }
    if changes && world.switches.read_only {
        return refuse(world, 503, "Read-only mode");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut done = route(world, asked, &parts);
    match fault {
        Some(Fault::LostAfter) => done.lost = true,
        Some(Fault::Cut) => done.body.truncate(done.body.len() / 2),
        _ => {}
    }
    done
}

fn note(world: &mut World, asked: &Asked) {
    let mut body = asked.json();
    if let Some(map) = body.as_object_mut()
        && map.get("password").is_some_and(Value::is_string)
    {
        let password = map.insert("password".into(), json!("***")).unwrap();
        world.passwords.push(password.as_str().unwrap().to_owned());
    }
    let query: Vec<String> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (method, path) = (asked.method.clone(), asked.path.clone());
    world.calls.push(Call { method, path, query: query.join("&"), body });
}

fn sign_in(world: &mut World, asked: &Asked) -> Reply {
    let form: Vec<(String, String)> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if field("grant_type") != "password" || !world.lets_in(field("username"), field("password")) {
        return reply(400, &json!({"error": "Login failed."}));
    }
    let (token, life) = world.new_token();
    reply(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": life}))
}

fn lacks(world: &World, right: &str) -> Option<Reply> {
    world.switches.lacks.contains(&right).then(|| refuse(world, 403, "Access denied"))
}

fn route(world: &mut World, asked: &Asked, parts: &[&str]) -> Reply {
    match (asked.method.as_str(), parts) {
        ("GET", ["version"]) => reply(200, &json!({"model": {"version": "11.7.000002"}})),
        ("GET", ["users", "current"]) => {
            let all = ["View Users", "Administer Users", "Administer Groups", "View Secret"];
            let rights: Vec<Value> = all
                .iter()
                .filter(|right| !world.switches.lacks.contains(right))
                .map(|right| json!({"name": right}))
                .collect();
            reply(200, &json!({"id": 3, "userName": "scimapp", "permissions": rights}))
        }
        (method, ["users", ..]) => {
            let right = if method == "GET" { "View Users" } else { "Administer Users" };
            lacks(world, right).unwrap_or_else(|| users(world, asked, parts))
        }
        (_, ["groups", ..]) => {
            lacks(world, "Administer Groups").unwrap_or_else(|| groups(world, asked, parts))
        }
        _ => refuse(world, 404, "No HTTP resource was found"),
    }
}

fn list(world: &World, asked: &Asked, mut rows: Vec<Value>, name: &str) -> Reply {
    if world.switches.no_sorting && asked.param("sortBy[0].name").is_some() {
        return refuse(world, 400, "Unknown sort field");
    }
    let number = |name: &str, default: usize| {
        asked.param(name).map_or(Ok(default), |text| text.parse::<usize>().map_err(|_| ()))
    };
    // A small page on purpose: who does not say how much he wants does not get all.
    let (Ok(skip), Ok(take)) = (number("skip", 0), number("take", 10)) else {
        return refuse(world, 400, "The request is invalid.");
    };
    if take == 0 {
        return refuse(world, 400, "Take must be greater than 0.");
    }
    let take = take.min(world.switches.page);
    let key = |row: &Value| row[name].as_str().unwrap_or_default().to_ascii_lowercase();
    rows.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.to_string().cmp(&b.to_string())));
    let total = rows.len();
    let records: Vec<Value> = rows.into_iter().skip(skip).take(take).collect();
    let next = skip + records.len();
    reply(
        200,
        &json!({
            "skip": skip, "take": take, "total": total, "batchCount": records.len(), "nextSkip": next,
            "hasNext": next < total, "hasPrev": skip > 0, "records": records, "success": true, "severity": "None",
        }),
    )
}

fn wants_inactive(asked: &Asked, name: &str) -> bool {
    asked.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn users(world: &mut World, asked: &Asked, parts: &[&str]) -> Reply {
    match (asked.method.as_str(), parts) {
        ("GET", ["users"]) => {
            let text = asked.param("filter.searchText").unwrap_or_default().to_ascii_lowercase();
            let fields: Vec<&str> = asked
                .query
                .iter()
                .filter(|(name, _)| name == "filter.searchFields")
                .map(|(_, value)| value.as_str())
                .collect();
            let fields =
                if fields.is_empty() { vec!["userName", "displayName", "emailAddress"] } else { fields };
            let inactive = wants_inactive(asked, "filter.includeInactive");
            let has = |user: &User| {
                let model = user.model();
                let in_field = |field: &&str| {
                    model[*field].as_str().is_some_and(|v| v.to_ascii_lowercase().contains(&text))
                };
                fields.iter().any(in_field)
            };
            let rows =
                world.users.values().filter(|user| (inactive || user.enabled) && has(user)).map(User::model);
            list(world, asked, rows.collect(), "displayName")
        }
        ("POST", ["users"]) => create_user(world, &asked.json()),
        (_, ["users", id]) => {
            let Some(id) = id.parse::<i64>().ok().filter(|id| world.users.contains_key(id)) else {
                return refuse(world, world.switches.unknown, "User not found.");
            };
            one_user(world, asked, id)
        }
        _ => refuse(world, 404, "No HTTP resource was found"),
    }
}

fn create_user(world: &mut World, body: &Value) -> Reply {
    for field in ["userName", "password", "displayName"] {
        if body[field].as_str().is_none_or(str::is_empty) {
            let body = json!({
                "message": "The request is invalid.",
                "modelState": {format!("args.{field}"): [format!("The {field} field is required.")]},
            });
            return reply(400, &body);
        }
    }
    let name = body["userName"].as_str().unwrap().to_owned();
    if world.named(&name).is_some() {
        return refuse(world, 400, "A user with this user name already exists.");
    }
    let password = world.passwords.last().cloned().unwrap_or_default();
    let classes: [fn(&u8) -> bool; 4] =
        [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit, u8::is_ascii_punctuation];
    let fits = classes.iter().all(|class| password.as_bytes().iter().any(class));
    if password.len() < world.switches.password_length || !fits {
        return refuse(world, 400, "The password does not meet the password requirements.");
    }
    let enabled = body["enabled"].as_bool().unwrap_or(true);
    if enabled && world.enabled() >= world.switches.licences {
        return refuse(world, 400, "You have reached your license limit.");
    }
    let id = world.user(&name, body["emailAddress"].as_str());
    let user = world.users.get_mut(&id).unwrap();
    user.display = body["displayName"].as_str().unwrap().to_owned();
    user.enabled = enabled;
    let model = user.model();
    reply(200, &model)
}

fn one_user(world: &mut World, asked: &Asked, id: i64) -> Reply {
    let enabled = world.users[&id].enabled;
    match asked.method.as_str() {
        "GET" if !enabled && !wants_inactive(asked, "includeInactive") => {
            refuse(world, world.switches.unknown, "User not found.")
        }
        "GET" => reply(200, &world.users[&id].model()),
        "DELETE" if !enabled => refuse(world, world.switches.deleted_twice, "The user is deleted already."),
        "DELETE" => {
            world.users.get_mut(&id).unwrap().enabled = false;
            reply(200, &json!({"id": id, "objectType": "User", "responseCodes": []}))
        }
        "PATCH" if world.switches.old => {
            refuse(world, 405, "The requested resource does not support http method 'PATCH'.")
        }
        "PATCH" | "PUT" => {
            let body = asked.json();
            if body["id"].as_i64().is_some_and(|given| given != id) {
                return refuse(world, 400, "The id does not fit.");
            }
            let patch = asked.method == "PATCH";
            let value = |field: &str| -> Option<Value> {
                if patch {
                    (body[field]["dirty"] == true).then(|| body[field]["value"].clone())
                } else {
                    Some(body[field].clone())
                }
            };
            let (display, email, on) = (value("displayName"), value("emailAddress"), value("enabled"));
            let enables = on.as_ref().and_then(Value::as_bool) == Some(true) && !enabled;
            if enables && world.enabled() >= world.switches.licences {
                return refuse(world, 400, "You have reached your license limit.");
            }
            let user = world.users.get_mut(&id).unwrap();
            if let Some(display) = display {
                user.display = display.as_str().unwrap_or_default().to_owned();
            }
            if let Some(email) = email {
                user.email = email.as_str().map(str::to_owned);
            }
            if let Some(on) = on.and_then(|on| on.as_bool()) {
                user.enabled = on;
            }
            let model = user.model();
            reply(200, &model)
        }
        _ => refuse(world, 405, "The requested resource does not support this http method."),
    }
}

fn groups(world: &mut World, asked: &Asked, parts: &[&str]) -> Reply {
    match (asked.method.as_str(), parts) {
        ("GET", ["groups"]) => {
            let text = asked.param("filter.searchText").unwrap_or_default().to_ascii_lowercase();
            let inactive = wants_inactive(asked, "filter.includeInactive");
            let found = world.groups.values().filter(|group| {
                (inactive || group.enabled) && group.name.to_ascii_lowercase().contains(&text)
            });
            list(world, asked, found.map(super::world::Group::row).collect(), "name")
        }
        ("POST", ["groups"]) => {
            let name = asked.json()["name"].as_str().unwrap_or_default().to_owned();
            if name.is_empty() {
                return refuse(world, 400, "The Name field is required.");
            }
            if world.group_named(&name).is_some() {
                return refuse(world, 400, "A group with this name already exists.");
            }
            let id = world.group(&name);
            reply(200, &world.groups[&id].model())
        }
        (_, ["groups", id, rest @ ..]) => {
            let Some(id) = id.parse::<i64>().ok().filter(|id| world.groups.contains_key(id)) else {
                return refuse(world, world.switches.unknown, "Group not found.");
            };
            match rest {
                [] => one_group(world, asked, id),
                ["users", rest @ ..] => members(world, asked, id, rest),
                _ => refuse(world, 404, "No HTTP resource was found"),
            }
        }
        _ => refuse(world, 404, "No HTTP resource was found"),
    }
}

fn one_group(world: &mut World, asked: &Asked, id: i64) -> Reply {
    match asked.method.as_str() {
        "GET" => reply(200, &world.groups[&id].model()),
        "DELETE" => {
            if !world.groups[&id].enabled {
                return refuse(world, world.switches.deleted_twice, "The group is deleted already.");
            }
            world.groups.get_mut(&id).unwrap().enabled = false;
            reply(200, &json!({"id": id, "objectType": "Group", "responseCodes": null}))
        }
        "PATCH" if world.switches.old => {
            refuse(world, 405, "The requested resource does not support http method 'PATCH'.")
        }
        "PATCH" | "PUT" => {
            let body = asked.json();
            let value = |field: &str| {
                if asked.method == "PATCH" {
                    let data = &body["data"][field];
                    (data["dirty"] == true).then(|| data["value"].clone())
                } else {
                    Some(body[field].clone())
                }
            };
            let (name, enabled) = (value("name"), value("enabled"));
            let group = world.groups.get_mut(&id).unwrap();
            if let Some(name) = name.as_ref().and_then(Value::as_str) {
                group.name = name.to_owned();
            }
            if let Some(enabled) = enabled.and_then(|value| value.as_bool()) {
                group.enabled = enabled;
            }
            let model = group.model();
            reply(200, &model)
        }
        _ => refuse(world, 405, "The requested resource does not support this http method."),
    }
}

fn members(world: &mut World, asked: &Asked, group: i64, rest: &[&str]) -> Reply {
    let row = |world: &World, user: i64| {
        let user = &world.users[&user];
        json!({
            "groupId": group, "groupName": world.groups[&group].name, "userId": user.id, "userName": user.name,
            "displayName": user.display, "enabled": user.enabled,
        })
    };
    if asked.method != "GET" && (world.groups[&group].domain != -1 || world.groups[&group].system) {
        let body = json!({
            "message": "Members of this group cannot be changed.",
            "errorCode": "API_CannotAddRemoveUsersFromDirectoryManagedGroups",
        });
        return reply(400, &body);
    }
    let ids = world.groups[&group].members.clone();
    let user = rest.first().and_then(|id| id.parse::<i64>().ok());
    match (asked.method.as_str(), user) {
        ("GET", None) => {
            let inactive = wants_inactive(asked, "filter.includeInactiveUsersForGroup");
            let shown = ids.iter().filter(|id| inactive || world.users[id].enabled);
            let rows: Vec<Value> = shown.map(|id| row(world, *id)).collect();
            list(world, asked, rows, "displayName")
        }
        ("GET", Some(user)) if ids.contains(&user) => reply(200, &row(world, user)),
        ("POST", None) => {
            let user = asked.json()["userId"].as_i64().unwrap_or_default();
            match world.users.get(&user).map(|user| user.enabled) {
                None => refuse(world, 400, "User not found."),
                Some(false) => refuse(world, 400, "A disabled user cannot be added to a group."),
                Some(true) if world.switches.strict_members && ids.contains(&user) => {
                    refuse(world, 400, "The user is a member of the group.")
                }
                Some(true) => {
                    world.groups.get_mut(&group).unwrap().members.insert(user);
                    reply(200, &row(world, user))
                }
            }
        }
        ("DELETE", Some(user)) if ids.contains(&user) => {
            world.groups.get_mut(&group).unwrap().members.remove(&user);
            reply(200, &json!({"id": user, "objectType": "GroupUser", "responseCodes": []}))
        }
        ("GET" | "DELETE", Some(_)) => refuse(world, world.switches.unknown, "The user is no member."),
        _ => refuse(world, 405, "The requested resource does not support this http method."),
    }
}

//! Filters from end to end. Each is asked twice more in a form that no index answers, and has to find the same.

use serde_json::{Value, json};

use super::sorted;
use crate::support::app::App;
use crate::support::both;
use crate::support::scim::{ENTERPRISE, Scim, id, text, user};

/// What a filter finds by itself, and when all resources have to be looked at: the same, in the same order.
async fn find(scim: &Scim, resource: &str, filter: &str) -> Vec<Value> {
    let found = scim.find(resource, filter).await;
    let ids: Vec<_> = found.iter().map(id).collect();
    for scanned in
        [format!("not (not ({filter}))"), format!("({filter}) or id eq \"nobody\" or title ew \"no such\"")]
    {
        if resource == "Groups" && scanned.contains("title") {
            continue;
        }
        let again: Vec<_> = scim.find(resource, &scanned).await.iter().map(id).collect();
        assert_eq!(again, ids, "with and without an index: {filter} / {scanned}");
    }
    found
}

/// The names of the users that a filter finds, sorted.
async fn names(scim: &Scim, filter: &str) -> Vec<String> {
    sorted(&find(scim, "Users", filter).await, "userName")
}

/// Four people who differ in everything that can be asked for.
async fn people(app: &App) -> Scim {
    let scim = app.generic();
    let people = [
        json!({
            "userName": "anna", "externalId": "E1", "displayName": "Anna Straße", "title": "Clerk", "active": true,
            "name": {"givenName": "Anna", "familyName": "Alt"},
            "emails": [{"value": "anna@work.example", "type": "work"}, {"value": "anna@home.example", "type": "home"}],
            ENTERPRISE: {"department": "Sales", "manager": {"value": "26118915"}},
        }),
        json!({
            "userName": "Bert", "externalId": "e1", "displayName": "Bert", "active": false,
            "name": {"givenName": "Bert", "familyName": "Berg"},
            "emails": [{"value": "BERT@work.example", "type": "home", "primary": true}],
        }),
        json!({
            "userName": "CLEO", "displayName": "anna strasse", "title": "Head",
            "name": {"givenName": "Anna", "familyName": "Clark"},
            ENTERPRISE: {"department": "Support"},
        }),
        json!({"userName": "dora", "externalId": "D 4", "nickName": "say \"hi\" \\ back"}),
    ];
    for mut person in people {
        person["schemas"] = json!([]);
        scim.post("/Users", &person).await.expect(201);
        app.advance(std::time::Duration::from_secs(3600));
    }
    scim
}

both! {
    async fn what_identity_providers_ask_for(app: &App) {
        let scim = people(app).await;
        for (filter, expected) in [
            (r#"userName eq "anna""#, &["anna"][..]),
            (r#"userName eq "ANNA""#, &["anna"]),
            (r#"USERNAME EQ "bert""#, &["Bert"]),
            (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "cleo""#, &["CLEO"]),
            (r#"userName eq "nobody""#, &[]),
            (r#"userName eq """#, &[]),
            // externalId is the client's own and keeps its case.
            (r#"externalId eq "E1""#, &["anna"]),
            (r#"externalId eq "e1""#, &["Bert"]),
            (r#"externalId eq "D 4""#, &["dora"]),
            (r#"externalId pr"#, &["Bert", "anna", "dora"]),
            (r#"not (externalId pr)"#, &["CLEO"]),
            (r#"externalId eq null"#, &["CLEO"]),
            (r#"displayName eq "ANNA STRASSE""#, &["CLEO", "anna"]),
            (r#"name.givenName eq "anna""#, &["CLEO", "anna"]),
            (r#"name.givenName eq "anna" and name.familyName eq "alt""#, &["anna"]),
            (r#"emails eq "anna@home.example""#, &["anna"]),
            (r#"emails.value eq "bert@WORK.example""#, &["Bert"]),
            (r#"emails[value eq "anna@home.example"]"#, &["anna"]),
            (r#"emails[type eq "home" and value eq "anna@home.example"]"#, &["anna"]),
            (r#"emails[type eq "work" and value eq "anna@home.example"]"#, &[]),
            (r#"emails[type eq "work" or value eq "bert@work.example"]"#, &["Bert", "anna"]),
            (r#"emails[not (type eq "work")]"#, &["Bert", "anna"]),
            (r#"emails.type eq "work""#, &["anna"]),
            (r#"emails.value ew "@work.example""#, &["Bert", "anna"]),
            (r#"not (emails pr)"#, &["CLEO", "dora"]),
            (r#"active eq true"#, &["CLEO", "anna", "dora"]),
            (r#"active eq false"#, &["Bert"]),
            (r#"active eq "False""#, &["Bert"]),
            (r#"active ne true"#, &["Bert"]),
            (r#"title pr"#, &["CLEO", "anna"]),
            (r#"title ne "clerk""#, &["Bert", "CLEO", "dora"]),
            (
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "sales""#,
                &["anna"],
            ),
            (
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "26118915""#,
                &["anna"],
            ),
            (r#"nickName eq "say \"hi\" \\ back""#, &["dora"]),
            (r#"displayName co "stra""#, &["CLEO", "anna"]),
            (r#"displayName sw "anna s""#, &["CLEO", "anna"]),
            (r#"displayName ew "SSE""#, &["CLEO", "anna"]),
            (r#"userName gt "bert""#, &["CLEO", "dora"]),
            (r#"userName ge "bert""#, &["Bert", "CLEO", "dora"]),
            (r#"userName lt "bert""#, &["anna"]),
            (r#"userName le "bert""#, &["Bert", "anna"]),
        ] {
            assert_eq!(names(&scim, filter).await, expected, "{filter}");
        }
    }

    async fn and_binds_stronger_than_or(app: &App) {
        let scim = people(app).await;
        for (filter, expected) in [
            (r#"userName eq "anna" or userName eq "bert""#, &["Bert", "anna"][..]),
            (r#"userName eq "anna" and active eq false"#, &[]),
            (r#"active eq false or title pr and userName eq "cleo""#, &["Bert", "CLEO"]),
            (r#"(active eq false or title pr) and userName eq "cleo""#, &["CLEO"]),
            (r#"title pr and userName eq "cleo" or active eq false"#, &["Bert", "CLEO"]),
            (r#"not (userName eq "anna") and title pr"#, &["CLEO"]),
            (r#"not (userName eq "anna" or title pr)"#, &["Bert", "dora"]),
            (r#"userName eq "anna" OR userName eq "anna""#, &["anna"]),
            (r#"((((userName eq "anna"))))"#, &["anna"]),
            (r#"userName eq "anna" and externalId eq "e1""#, &[]),
            (r#"externalId eq "e1" and userName eq "bert" and displayName eq "bert""#, &["Bert"]),
            (r#"userName eq "anna" or displayName co "bert""#, &["Bert", "anna"]),
        ] {
            assert_eq!(names(&scim, filter).await, expected, "{filter}");
        }
    }

    async fn id_and_meta(app: &App) {
        let scim = people(app).await;
        let anna = scim.find("Users", r#"userName eq "anna""#).await.remove(0);
        let bert = scim.find("Users", r#"userName eq "bert""#).await.remove(0);
        assert_eq!(names(&scim, &format!("id eq \"{}\"", id(&anna))).await, ["anna"]);
        assert_eq!(names(&scim, &format!("id eq \"{}\" and active eq false", id(&anna))).await, [""; 0]);
        assert_eq!(names(&scim, r#"id eq "nobody""#).await, [""; 0]);
        assert_eq!(names(&scim, &format!("not (id eq \"{}\")", id(&anna))).await, ["Bert", "CLEO", "dora"]);
        let ids = format!("id eq \"{}\" or id eq \"{}\"", id(&anna), id(&bert));
        assert_eq!(names(&scim, &ids).await, ["Bert", "anna"]);

        let created = text(&bert["meta"]["created"]);
        for (filter, expected) in [
            (format!("meta.created eq \"{created}\""), &["Bert"][..]),
            (format!("meta.created gt \"{created}\""), &["CLEO", "dora"]),
            (format!("meta.created le \"{created}\""), &["Bert", "anna"]),
            (
                format!("meta.lastModified ge \"{}\"", created.replace('Z', "+00:00")),
                &["Bert", "CLEO", "dora"],
            ),
            ("meta.resourceType eq \"User\"".to_owned(), &["Bert", "CLEO", "anna", "dora"]),
            ("meta.resourceType eq \"Group\"".to_owned(), &[]),
            ("meta.created lt \"1999-12-31T23:59:59+01:00\"".to_owned(), &[]),
        ] {
            assert_eq!(names(&scim, &filter).await, expected, "{filter}");
        }
    }

    async fn groups_and_their_members(app: &App) {
        let scim = people(app).await;
        let anna = id(&scim.find("Users", r#"userName eq "anna""#).await[0]);
        let bert = id(&scim.find("Users", r#"userName eq "bert""#).await[0]);
        let inner = id(&scim.group("Inner", &[&anna]).await);
        let outer = id(&scim.group("Outer Circle", &[&inner, &bert]).await);
        for (filter, expected) in [
            (r#"displayName eq "INNER""#.to_owned(), &["Inner"][..]),
            (r#"displayName eq "Outer Circle""#.to_owned(), &["Outer Circle"]),
            (r#"displayName sw "o""#.to_owned(), &["Outer Circle"]),
            (format!("members.value eq \"{anna}\""), &["Inner"]),
            (format!("members eq \"{bert}\""), &["Outer Circle"]),
            (format!("members[value eq \"{anna}\"]"), &["Inner"]),
            (format!("members[value eq \"{inner}\" and type eq \"Group\"]"), &["Outer Circle"]),
            (format!("members[value eq \"{inner}\" and type eq \"User\"]"), &[]),
            (
                format!("members.value eq \"{anna}\" or members.value eq \"{bert}\""),
                &["Inner", "Outer Circle"],
            ),
            (format!("id eq \"{outer}\" and members.value eq \"{bert}\""), &["Outer Circle"]),
            (format!("id eq \"{outer}\" and members eq \"{anna}\""), &[]),
            (format!("not (members.value eq \"{anna}\")"), &["Outer Circle"]),
            ("members.type eq \"group\"".to_owned(), &["Outer Circle"]),
            ("members.value eq \"unheard-of\"".to_owned(), &[]),
        ] {
            assert_eq!(sorted(&find(&scim, "Groups", &filter).await, "displayName"), expected, "{filter}");
        }
        assert_eq!(names(&scim, &format!("groups.value eq \"{inner}\"")).await, ["anna"]);
        assert_eq!(names(&scim, &format!("groups eq \"{outer}\"")).await, ["Bert", "anna"]);
        assert_eq!(
            names(&scim, &format!("groups[value eq \"{outer}\" and type eq \"direct\"]")).await,
            ["Bert"]
        );
        assert_eq!(names(&scim, "not (groups pr)").await, ["CLEO", "dora"]);
    }

    async fn what_stands_for_much_elsewhere_is_plain_text_here(app: &App) {
        let scim = app.generic();
        let all = [
            "a_b",
            "axb",
            "a%b",
            "a*b",
            "a?b",
            "a.b",
            "a'b",
            "a\\b",
            "a[b",
            "a\u{212a}b",
            "a'; DROP TABLE resources; --",
        ];
        for name in all {
            let mut body = user(name);
            body["displayName"] = json!(format!("<{name}>"));
            body["externalId"] = json!(name);
            scim.post("/Users", &body).await.expect(201);
        }
        for name in all {
            let quoted = json!(name).to_string();
            for filter in [
                format!("userName eq {quoted}"),
                format!("externalId eq {quoted}"),
                format!("externalId co {quoted}"),
                format!("displayName eq {}", json!(format!("<{name}>"))),
                format!("displayName co {}", json!(format!("<{name}>"))),
                format!("displayName sw {}", json!(format!("<{name}"))),
                format!("displayName ew {}", json!(format!("{name}>"))),
            ] {
                assert_eq!(names(&scim, &filter).await, [name], "{filter}");
            }
        }
        // Folding is Unicode's: the Kelvin sign is a k.
        assert_eq!(names(&scim, r#"userName eq "AKB""#).await, ["a\u{212a}b"]);
        assert_eq!(names(&scim, r#"userName sw "a_""#).await, ["a_b"]);
        assert_eq!(names(&scim, r#"userName co "%""#).await, ["a%b"]);
        assert_eq!(scim.count("Users").await, all.len() as u64);
    }

    async fn a_filter_that_makes_no_sense_is_explained(app: &App) {
        let scim = people(app).await;
        let deep = format!("{}userName pr{}", "(".repeat(40), ")".repeat(40));
        let long = format!("userName eq \"{}\"", "x".repeat(9000));
        let many = vec!["userName pr"; 201].join(" or ");
        for (filter, word) in [
            ("userName", "byte 8"),
            ("userName eq", "byte 11"),
            ("userName eq \"anna", "\""),
            ("userName = \"anna\"", "="),
            ("userName like \"anna\"", "like"),
            ("userName eq \"anna\" and", "byte 22"),
            ("userName eq \"anna\" \"bert\"", "bert"),
            ("(userName eq \"anna\"", "byte 19"),
            ("userName eq \"anna\")", ")"),
            ("not userName pr", "not"),
            ("eq \"anna\"", "eq"),
            ("userNam eq \"anna\"", "userName"),
            ("name eq \"anna\"", "name"),
            ("name.givenNam eq \"anna\"", "givenName"),
            ("password eq \"x\"", "password"),
            ("password pr", "password"),
            ("active gt true", "active"),
            ("active eq \"perhaps\"", "active"),
            ("active eq 1", "active"),
            ("meta.created gt \"yesterday\"", "meta.created"),
            ("userName[value eq \"x\"]", "userName"),
            ("emails[shoeSize eq \"x\"]", "shoeSize"),
            ("emails[type eq \"work\"", "byte 21"),
            (deep.as_str(), "32"),
            (long.as_str(), "8192"),
            (many.as_str(), "200"),
        ] {
            let query: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
            let error = scim.get(&format!("/Users?filter={query}")).await.expect(400).json();
            assert_eq!(error["scimType"], "invalidFilter", "{filter:.60}: {error}");
            let detail = text(&error["detail"]);
            assert!(detail.contains(word), "{filter:.60}: {word} is not in {detail}");
            assert!(detail.len() < 500, "not the whole filter back: {detail}");
        }
        assert_eq!(scim.find("Users", "userName pr").await.len(), 4);
    }

    async fn a_character_that_no_database_keeps(app: &App) {
        let scim = people(app).await;
        for query in [
            "filter=userName+eq+%22an%00na%22",
            "filter=userName+eq+%22anna%22%00",
            "attributes=user%00Name",
            "%00=1",
        ] {
            let error = scim.get(&format!("/Users?{query}")).await.expect(400).json();
            assert!(text(&error["detail"]).contains("NUL"), "{error}");
        }
        for query in ["filter=userName+eq+%22an%ffna%22", "attributes=user%C3Name", "%e4=1", "startIndex=1&x=%80"] {
            let error = scim.get(&format!("/Users?{query}")).await.expect(400).json();
            assert!(text(&error["detail"]).contains("UTF-8"), "{error}");
        }
        scim.get("/Users?filter=userName+eq+%22%C3%A4%F0%9F%98%80%22&x=%2").await.expect(200);
        // Escaped in the filter's own text it is a character like others; nobody has it.
        let query: String = form_urlencoded::byte_serialize(br#"userName eq "an\u0000na""#).collect();
        let answer = scim.get(&format!("/Users?filter={query}")).await;
        assert!(answer.status == 400 || answer.json()["totalResults"] == 0, "{answer}");
        let body = json!({"filter": "userName eq \"an\\u0000na\""});
        let answer = scim.post("/Users/.search", &body).await;
        assert!(answer.status == 400 || answer.json()["totalResults"] == 0, "{answer}");
        assert_eq!(names(&scim, r#"userName eq "anna""#).await, ["anna"]);
    }
}

//! A limit of requests per second: who exceeds it is told when to come back, and nobody else notices.

use tokio::task::JoinSet;

use super::set;
use crate::support::both;
use crate::support::scim::{Scim, user};

/// Many requests at once; their status and what they say about waiting.
async fn burst(scim: &Scim) -> Vec<(u16, Option<u64>)> {
    let mut requests = JoinSet::new();
    for _ in 0..60 {
        let scim = scim.clone();
        requests.spawn(async move {
            let answer = scim.get("/ServiceProviderConfig").await;
            (answer.status, answer.header("retry-after").map(|text| text.parse().expect("whole seconds")))
        });
    }
    requests.join_all().await
}

both! {
    async fn too_many_requests_are_sent_back(app: &App) {
        let (scim, endpoint) = (app.generic(), &app.furniture().generic);
        let plenty = burst(&scim).await;
        assert!(plenty.iter().all(|(status, _)| *status == 200), "no limit before it is set: {plenty:?}");

        set(app, endpoint, &["rate=1"]).await;
        let answers = burst(&scim).await;
        let (passed, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 200);
        assert!(!passed.is_empty(), "a burst passes");
        assert!(!refused.is_empty(), "but not everything");
        for (status, wait) in refused {
            assert_eq!(status, 429);
            assert!(wait.is_some_and(|seconds| seconds >= 1), "{wait:?}");
        }
        // What is left, as draft-ietf-httpapi-ratelimit-headers writes it.
        let refused = loop {
            let answer = scim.get("/ServiceProviderConfig").await;
            assert_eq!(answer.header("ratelimit-policy"), Some("\"endpoint\";q=4;w=4"));
            if answer.status == 429 {
                break answer;
            }
        };
        assert_eq!(refused.header("ratelimit"), Some("\"endpoint\";r=0;t=4"));
        assert_eq!(app.scim(&app.furniture().foreign).get("/Users").await.header("ratelimit"), None, "no limit");
        let others = burst(&app.scim(&app.furniture().foreign)).await;
        assert!(
            others.iter().all(|(status, _)| *status == 200),
            "other endpoints have their own: {others:?}"
        );

        // What was sent back was not done, and who waits gets through.
        let names: Vec<_> = (0..40).map(|number| format!("user{number}")).collect();
        let mut requests = JoinSet::new();
        for name in names {
            let scim = scim.clone();
            requests.spawn(async move { scim.post("/Users", &user(&name)).await.status });
        }
        let made = requests.join_all().await.into_iter().filter(|status| *status == 201).count();
        app.until(&scim.request("GET", "/Users"), 200).await;
        set(app, endpoint, &["rate=unlimited"]).await;
        assert_eq!(scim.count("Users").await, made as u64);
        assert!(burst(&scim).await.iter().all(|(status, _)| *status == 200));
    }
}

//! Pages of other origins, behind the local front with the template's CORS.

use hyper::Method;
use spillway_local::client::Response;
use spillway_local::front::Cors;

use super::api::call::Call;
use crate::support::harness::{KEY, Run};

const SHOP: &str = "https://shop.example";

async fn run(origins: &[&str]) -> Run {
    Run::start(|settings| settings.cors = Cors(origins.iter().map(|origin| origin.parse().unwrap()).collect())).await
}

async fn call(run: &Run, method: Method, origin: &str) -> Response {
    let call = Call::new(method, "/v1/streams/clicks").header("origin", origin).header("x-write-key", KEY);
    call.header("access-control-request-method", "POST").body("{}").send(run.pipeline.address()).await
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.get(format!("access-control-{name}")).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_send_documents_and_read_the_answers() {
    let run = run(&[SHOP]).await;
    let preflight = call(&run, Method::OPTIONS, SHOP).await;
    assert_eq!(preflight.status, 204);
    assert_eq!((header(&preflight, "allow-origin"), header(&preflight, "allow-methods")), (Some(SHOP), Some("POST")));
    assert!(header(&preflight, "allow-headers").unwrap().contains("x-write-key"));
    let answer = call(&run, Method::POST, SHOP).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((header(&answer, "allow-origin"), header(&answer, "allow-credentials")), (Some(SHOP), Some("true")));
    let refused = call(&run, Method::PUT, SHOP).await;
    assert_eq!((refused.status.as_u16(), header(&refused, "allow-origin")), (405, Some(SHOP)));
    assert_eq!(run.end().await.records().len(), 1);
}

#[tokio::test]
async fn without_cors_and_for_other_origins_no_answer_has_its_headers() {
    for (origins, origin) in [(&[][..], SHOP), (&[SHOP][..], "https://other.example")] {
        let run = run(origins).await;
        for (method, status) in [(Method::OPTIONS, 204), (Method::POST, 200)] {
            let answer = call(&run, method, origin).await;
            assert_eq!((answer.status.as_u16(), header(&answer, "allow-origin")), (status, None));
        }
        run.end().await;
    }
}

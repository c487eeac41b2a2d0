use super::*;

fn pool(workers: usize, jobs_per_key: usize) -> FairPool {
    let bounds = Bounds {
        workers,
        jobs_per_key,
    };
    FairPool::new("test", bounds)
}

fn account(n: u8) -> Owner {
    Some(AccountId::from_bytes([n; 16]))
}

#[tokio::test]
async fn an_account_at_its_bound_does_not_keep_another_waiting() {
    let pool = pool(2, 1);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let stuck = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(account(1), move || wait.recv().is_ok()).await }
    });
    let behind = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(account(1), || 2).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(pool.run(account(2), || 3).await.unwrap(), 3);
    assert!(!behind.is_finished());
    go.send(()).unwrap();
    assert!(stuck.await.unwrap().unwrap());
    assert_eq!(behind.await.unwrap().unwrap(), 2);
    pool.idle().await;
}

#[tokio::test]
async fn panics_and_callers_that_are_gone_give_their_worker_back() {
    let pool = pool(1, 1);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let first = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(account(1), move || wait.recv().is_ok()).await }
    });
    let gone: Vec<_> = (0..1_000)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.run(account(2), || ()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for waiting in gone {
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
    }
    go.send(()).unwrap();
    assert!(first.await.unwrap().unwrap());
    let ended = pool.run(account(3), || -> () { panic!("on purpose") });
    assert!(matches!(ended.await, Err(PoolError::Ended(_))));
    assert_eq!(pool.run(None, || 4).await.unwrap(), 4);
    pool.idle().await;
}

"""An adapter a peer: `Sync` and `Async` clients whose calls do the same, each the way its documentation says.

`get` fetches a session, `add_turn` posts a turn; what comes back is read as far as the peer reads it. Timeouts are off
where they would cut a measurement short: what is compared is how long a call takes, not when it is given up.
"""

; the queue may be summarised: queue-stop-alone
(set-info :status unsat)
(set-logic ALL)
; cannot be popped
(assert false)
(check-sat)

; precopy
; one page suffices: resume
(set-info :status unsat)
(set-logic ALL)
(declare-datatype |Owner| ((|Owner.FREE|) (|Owner.USED|) (|Owner.HINTED|) (|Owner.BALLOONED|) (|Owner.DEFLATING|)))
(declare-datatype |Phase| ((|Phase.NONE|) (|Phase.BEFORE_SYNC|) (|Phase.FETCH|) (|Phase.MERGE|) (|Phase.AFTER_SYNC|) (|Phase.ROUND|) (|Phase.COMPLETED|) (|Phase.CLEANUP|) (|Phase.POSTCOPY|) (|Phase.POSTCOPY_PAUSED|)))
(declare-const |page0.holds_ring| Bool)
(declare-const |page0.owner| |Owner|)
(declare-const |page1.holds_ring| Bool)
(declare-const |page1.owner| |Owner|)
(declare-const |page2.holds_ring| Bool)
(declare-const |page2.owner| |Owner|)
(declare-const |phase| |Phase|)
(declare-const |running| Bool)
(declare-const |final| Bool)
; a well-formed state
(assert (and (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|))))
; guard of resume
(assert (and (or (= |phase| |Phase.NONE|) (= |phase| |Phase.ROUND|)) (not |running|) (not |final|)))
; is no step of the one-page system
(assert (not (and (or (= |phase| |Phase.NONE|) (= |phase| |Phase.ROUND|)) (not |running|) (not |final|) (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|)))))
(check-sat)

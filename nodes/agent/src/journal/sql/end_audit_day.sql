DELETE FROM audit_day WHERE day = ?1

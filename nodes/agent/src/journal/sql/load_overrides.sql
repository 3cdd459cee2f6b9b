SELECT key, until_mono FROM document_override

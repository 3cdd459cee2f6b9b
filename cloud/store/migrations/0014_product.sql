-- What stores sell, as the retailer's own systems say it. Table product beside it is what offers and sales have made known.
CREATE TABLE product_sheet (
    sku TEXT PRIMARY KEY,
    body JSONB NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);

-- A number leads to one product.
CREATE TABLE product_number (
    gtin TEXT PRIMARY KEY,
    sku TEXT NOT NULL REFERENCES product_sheet (sku)
);
CREATE INDEX product_number_sku ON product_number (sku);

CREATE TABLE stock (
    sku TEXT NOT NULL REFERENCES product_sheet (sku),
    store TEXT NOT NULL,
    count BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sku, store)
);

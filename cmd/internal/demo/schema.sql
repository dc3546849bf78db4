CREATE TABLE users (
    id        text PRIMARY KEY, -- the "sub" of the user's tokens
    name      text NOT NULL,
    email     text NOT NULL,
    city      text NOT NULL,
    joined    date NOT NULL,
    interests text[] NOT NULL
);

CREATE TABLE restaurants (
    id          bigint PRIMARY KEY,
    name        text NOT NULL,
    city        text NOT NULL,
    cuisine     text NOT NULL,
    price_level smallint NOT NULL CHECK (price_level BETWEEN 1 AND 4),
    rating      numeric(3, 2) NOT NULL CHECK (rating BETWEEN 1 AND 5),
    tags        text[] NOT NULL,
    opened      date NOT NULL
);

CREATE TABLE visits (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       text NOT NULL REFERENCES users,
    restaurant_id bigint NOT NULL REFERENCES restaurants,
    visited_on    date NOT NULL,
    spent         numeric(8, 2) NOT NULL,
    stars         smallint CHECK (stars BETWEEN 1 AND 5),
    note          text
);

CREATE INDEX visits_by_user ON visits (user_id, visited_on);

CREATE TABLE favourites (
    user_id       text NOT NULL REFERENCES users,
    restaurant_id bigint NOT NULL REFERENCES restaurants,
    since         date NOT NULL,
    PRIMARY KEY (user_id, restaurant_id)
);

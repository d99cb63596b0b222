//! Tests of key texts, rings, tokens, shared secrets and key pairs. The integration tests run whole published
//! vector sets (`tests/it/vectors.rs`).
//!
//! OpenSSL made the key files and the signatures below, so that reader and writer are not the same code.
//! Their key pairs are thrown away or belong to the tests alone.

mod keys;
mod macs;
mod rings;
mod tokens;

use super::VerifyingKey;

/// Text of a key file of the tests.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/keys/", $name))
    };
}
pub(super) use fixture;

/// What OpenSSL signed.
const MESSAGE: &[u8] = b"refund R1642411016202 succeeded";
/// `openssl dgst -sha256 -sign` over [`MESSAGE`] with the pair of `rsa-2048.pem`.
const SIGNATURE_2048: &str = "\
    magIQfH3yBnie6SzVn3YqhEbR3Q5BiYzHyT1qCsW5IPGj7SWIa/cAC6HiUXS8AXlwM38PobfS+66zbkh3ViMZmXFJj\
    hJ/puqrIKZqdqxzvEhE+txGT3ezdqkgrsv3daopSOdncMj1dtqhhMHyVjKsd3IFh9iTwQ7f/GQDQliZg3ctaEWSsjo\
    yP5ZFyNXoic/3DqjYv5ODn1DtvD+tBQWTElpSVidq+ZnzcysDpxUfVQImnqpFdwR7RFcoYLMmdfwSZXmVrWFebV+fc\
    YCQEPNjirj8xIBhoRktT3SIM9WIGnat2mYcMK2TXNBeM9HoYYskxk993kuXD9ZksjHmlcbFw==";
/// The same with the pair of `rsa-3072.pem`.
const SIGNATURE_3072: &str = "\
    Ztl4LL60KpJh1fnL0nODNWf0t/3HurWcK0UGMUne6jUTEfKDHb0sviLKqh6UDKzrMTLnWUtnxaN00OOJluyXOeWSj0\
    WrMb+UunY/ITdDUGfVhfFzYVN6UHZp+j2nkecaT3Jkk8aeLycNqOXMgammcjueonQl4CqrQ+NBI2dwsECrn4pVwBl2\
    JFViTY2OpRkr5OFIwlAdd8Ajmq+W2WoMievoZ9D5RSx/16QjlyGL0mLhmZPraqhT1YWn6XyuM8ego4NVHazc5tBL8b\
    Km+2MvnuFLFpakhQQb1eLCvJ0l+Tmh5YWAy4HyOFFdBhE1cceC3CE8s60wPrTlzim05haX1H3lCIuxTQlDFj7VgwQi\
    VXXSoPGdtitwzCUWthg0h+JWJI9jrK1TnPlFDuIvmwYCNuoMz/gl26zgxQEoRgUWYsq9+A5rwqg92zyaOdpDVvNulc\
    uqCo/vGz37E2ceMwT9Tu8iyLeTZINKxqdzFpSWGY+oLHoLA0Lp1lS+Lwwd7NeS";
/// The same with the pair of `rsa-4096.pem`.
const SIGNATURE_4096: &str = "\
    fQarBInLxE7j1RZ4oIv8QcmI7m3kImsTPxEHvMx2USyh64fj2J72DlPElGrJO6ruz4796vqIfd0wG9N5j7DsSN4WoD\
    kGbAgl91SGKkTme2GK4mHxxBEJtilUBw/lsXFK9/+qL7KtlHI83gIkdZx+Mhv/Rc/nhVbu28p9qovpHn4IUDuH5GN3\
    vp1gduHgPyre3DBiJzy6fPUHxt5YcmgKhk2ajHoMQBUA1LRX2kirNO0zrGplWBPiJdFGUgMXmv+n3VJHPvpuRxqhIt\
    jygmAqcu8kl9FI1wP6g+jIbbGXGQdQm2qlAZIB6WGeYsZrkyukQ7DCxsf9DnLecPzhJ84xSlBQvbY90ZbdlUtrygLj\
    oOZzlAI6VN4YmHUpikK0EezEwxzU/w0hrNwRDWCZlXKpKD7FyVPvnFqnbmY93zxtFoG/g6PbIKc5OLa7026sOiaH7+\
    9vbiPmVbtgp3eGrBfedz7K7aq2CrwSU0c0luaifUpdvbeuo7EXrHrj617TjDh2bw53LMEdFx8V6DgOEkdFPnE0PoOS\
    fJcqLwcaQdGVy72+hc21vjpbi1abkb4gY5rNgE6nuqtCdh92wAoptEz2PpSyKNKQXFmO1IgrBDmwyFtgI6KDIOD90l\
    FCaO12a3VaWwwa4edq6iV3hmbv0W6ziKUqUe2ZTrf4C7ASefJfY5U=";

fn key(text: &str) -> VerifyingKey {
    VerifyingKey::parse(text).expect("the key of the fixture is good")
}

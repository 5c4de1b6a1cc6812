//! Keys and files made by the real `age`, `age-keygen` and `ssh-keygen`; nothing uses these keys.

/// What `age-keygen` wrote.
pub(in crate::secrets) const AGE_IDENTITY: &str = "# created: 2026-11-22T09:59:44Z
# public key: age154l7pr48t23h7jk4pwsvhnufpqpjms2nfrrktjwa8lhgsmr7temsrl2jrv
AGE-SECRET-KEY-1EDSF6VQRE58LGNEPDLF5S5XCJFL8E5ER67TYNHKXD634NJSUQUPSTLGU9A
";
/// Its public half.
pub(in crate::secrets) const AGE_PUBLIC: &str =
    "age154l7pr48t23h7jk4pwsvhnufpqpjms2nfrrktjwa8lhgsmr7temsrl2jrv";
/// `AGE_IDENTITY` under `age -p`, passphrase `open sesame`.
pub(super) const AGE_IDENTITY_ENCRYPTED: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCB1ejQyZjlNTzVWWEJ3R1dt
WVF3RHJRIDE4CkFKUWVaeXpUUi8zb1dFU3REckpIM2ZNU1NDY0Q0Q3JUeGdjM0gr
UEQrdGsKLS0tIFRiU2pFc1QycFRFQndpbXJFWHdmeHc0NDdNc05GaXJTVzJORE9G
U29LaW8K7PXukVsQl5tz4ef31xj4FoUgW8usBVbjn6pztGInLXtxE+k4Cvrd0b9q
oW+qQ+b7zSBCF5ezk9hm7t8bNbbRQYc8PhDoh74Z/HuHaPYAJ20hmIlysv5NcHyq
XNrvura3UB70hpuoT1BbNKLo6eh9o7U53Y6wm/WAiWWZdVMjVV1zhhjXmqGfpq2Q
wb/TNHxCR2Nr7436un+t+4fq7nAByGF7KGIyfE9SoMbzxAlBUZvbVl9TGURGiVA7
LplrLmfapvKiUHq9Odsz0Zw+WO0a+6DRsvLvAcA4
-----END AGE ENCRYPTED FILE-----
";
/// A file sealed to `AGE_PUBLIC`.
pub(super) const SEALED_TO_AGE: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBQUE5mOExpdnN4WGZUc3E3
eWlwbnluTzV5QzYvajEvQ1BJK3BXREpabmpFCjAwVCtJTWJHU1MwYUFxdjQ3dTNK
ODlLbjJnTFZPUjZDMk0vL2VXc1JJZGcKLS0tIFZrZlR0dmZxVk5FSlFibGpSQ0ZI
UEFpK2FKVUVBejV1eE5MRW43d2NkZEUKXL2MV1yfFWmrYvgfhfPIORuZwC2JtLYd
NPhYjclM7RjwcwmOxNH1yUPdydxlmpRyvg7pggrH
-----END AGE ENCRYPTED FILE-----
";
/// What `ssh-keygen -t ed25519` wrote.
pub(in crate::secrets) const SSH_IDENTITY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAn45rabsTMgIBQX8cnXaWrkEhzg6X+q7E7rc28iJFkuwAAAJA2RHJ5NkRy
eQAAAAtzc2gtZWQyNTUxOQAAACAn45rabsTMgIBQX8cnXaWrkEhzg6X+q7E7rc28iJFkuw
AAAEDtfA2fVn99chr6kMkyh8jztrX5lzvLr1UqRyeaiHYWmifjmtpuxMyAgFBfxyddpauQ
SHODpf6rsTutzbyIkWS7AAAADWFsaWNlQGV4YW1wbGU=
-----END OPENSSH PRIVATE KEY-----
";
/// Its public half.
pub(in crate::secrets) const SSH_PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICfjmtpuxMyAgFBfxyddpauQSHODpf6rsTutzbyIkWS7 alice@example
";
/// A file sealed to `SSH_PUBLIC`.
pub(super) const SEALED_TO_SSH: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNzaC1lZDI1NTE5IHh6UmZqdyBzTllK
TUhCOVg4R29kczJDb0JOLzlhU2pXc09LSDJFQXByNU40eWIyMm1NCkpRaG5JUWxT
YWMrb2pnQUxvYndsSzA0c2hadi9lSDE0TDV0LzcvUUpPZ3cKLS0tICtqVk83cU9z
ajRqMU5STE5aWHlZODNKWmFNVTNJRjI5YnRoWDV0YjYvT2MKjRbWovn8uai7oQH0
8WvUkzt/7OEl3YmneykQvbpPg+C333pDZgCQ38SNf8WVVZ8yGPSa7w==
-----END AGE ENCRYPTED FILE-----
";
/// An SSH key with the passphrase `open sesame`.
pub(super) const SSH_ENCRYPTED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAceBGRTl
9HnS6dJpG6GqL0AAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIP0xZrqDWJcqt1d0
vdO9H5kbdJSOseAPQGsQtYsmqm7zAAAAkLbFVJGpHz0vs4XHXeu0OGmIceFoX8nGRgbLCa
OtG8RBgPzQ/S1fjiMS8ghkSn4yQA5p4xOm25sJWmb/MCv+Q/Opxj6xzvO0OPrqYge8gMp3
FlMocIbkDtZz1oFtyPtE7ueuF7cZbSpx03tQs/H5FzB4nQec4GsL305NALWb+FKP33OjaV
DCCRQ2bqjiFelDlw==
-----END OPENSSH PRIVATE KEY-----
";
/// Its public half.
pub(super) const SSH_ENCRYPTED_PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0xZrqDWJcqt1d0vdO9H5kbdJSOseAPQGsQtYsmqm7z bob@example
";
/// `SSH_ENCRYPTED` under `age -p`, passphrase `open sesame`.
pub(super) const SSH_ENCRYPTED_IN_AGE: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBkNlNzanNVNGlVeXJsdVFk
TjZVazVBIDE4Cm12TmJFRzR4SDBsbDVqVEJtOFVQTm43VTFuTjc1d3V5WGNIek83
a21oTXcKLS0tIE5DdWl2dzlqaUFhUXd0S2pjem9Qdk9IZkFrRE1jcnY3YkJSUm5r
QURoWWMKlX4d3C1VQhVVjDTey9toZi+hE9w7DzTaoDw7Hl4VXbGI72ZsANIsw/Ux
E+hEdEqa4wZf1NoWSsGA7tP3wM9aH8k5D01LIsiOMlITd+b/YmnJinZ8I2+V0Phk
8+fTE/XClp2UWiAkFNC8GRf800m2+657AF9R5lc+l/T04AzNnuRgH3Z/DT1wJmNV
etC1Rm1xMJ+eLfOd9WE9or6QWJCfdDl0leQhm1wWvqF6J4vVBIpa/HwqcB2gFGns
dfeIvF78J9yPgMer9avPpWPIHpk2gJALwcz0ka2qRtmNh/OlOQ9yZhbIicDc8c1z
BmDxysHteVPxxLr3DiDU3PBE571tzRRPBN1yo8AQOIpSYFgStjTkrI9nGKqKaSV7
1UYz0hXTr9m47whrazjiO5OtBj42yUCX/Xyo40WChT9xObjs0SHwC40PiFK+tksC
BPktuo+/9oFQBSTt4JI9Ds9j9EULK/Qf4Ywygudi4K2RXBpqiVbVHA5RfO/Ouh0n
Z+mz5iGTtN7kEjkh146ofm4GfNoklD2GWfvfOZ5Qn1p3FwTp7RoxoXKBhhsI0bj/
puwUPEbggWTCZHGDiWMNzFO3uMB0mx8o0kNgh3LDzqy3FYmWSdAPZLscGfOIfaSU
HRI=
-----END AGE ENCRYPTED FILE-----
";
/// An RSA key.
pub(super) const RSA_PUBLIC: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCFXjUTmJAl4lkmR+lTr4CPykOaNPbSZIXsgghpETLd27v9ayhHZDmoY33sCEq10RLtg6zWuONCXuUhE6c6h4z6TraeqO/psGaGncCpaj9G9F3td9NhLZNAK9ZoVwl7/F2D2oolHLD6/gEP3mt8S5Ss1hpcCAzwZUs2qF1yl/j2tacIVgxirmIkm6tfo23WCpFwr7wozNbVeVO0tdpiQzolijKTJJIRPmKHuglVlUXJDnrvnlcTlO11sNsCuxys9wB7F8Udh6rmmX1oP5CvDXnLVgJC7UwdJCsfh6gRh4kIsQ3lUrJErGDRyeiyxA72z+XaLIgQRzzYeZ/Jkri4M1iv r
";
/// Its private half.
pub(super) const RSA_IDENTITY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdzc2gtcn
NhAAAAAwEAAQAAAQEAhV41E5iQJeJZJkfpU6+Aj8pDmjT20mSF7IIIaREy3du7/WsoR2Q5
qGN97AhKtdES7YOs1rjjQl7lIROnOoeM+k62nqjv6bBmhp3AqWo/RvRd7XfTYS2TQCvWaF
cJe/xdg9qKJRyw+v4BD95rfEuUrNYaXAgM8GVLNqhdcpf49rWnCFYMYq5iJJurX6Nt1gqR
cK+8KMzW1XlTtLXaYkM6JYoykySSET5ih7oJVZVFyQ56755XE5TtdbDbArscrPcAexfFHY
eq5pl9aD+Qrw15y1YCQu1MHSQrH4eoEYeJCLEN5VKyRKxg0cnossQO9s/l2iyIEEc82Hmf
yZK4uDNYrwAAA7i7SV78u0le/AAAAAdzc2gtcnNhAAABAQCFXjUTmJAl4lkmR+lTr4CPyk
OaNPbSZIXsgghpETLd27v9ayhHZDmoY33sCEq10RLtg6zWuONCXuUhE6c6h4z6TraeqO/p
sGaGncCpaj9G9F3td9NhLZNAK9ZoVwl7/F2D2oolHLD6/gEP3mt8S5Ss1hpcCAzwZUs2qF
1yl/j2tacIVgxirmIkm6tfo23WCpFwr7wozNbVeVO0tdpiQzolijKTJJIRPmKHuglVlUXJ
DnrvnlcTlO11sNsCuxys9wB7F8Udh6rmmX1oP5CvDXnLVgJC7UwdJCsfh6gRh4kIsQ3lUr
JErGDRyeiyxA72z+XaLIgQRzzYeZ/Jkri4M1ivAAAAAwEAAQAAAQAzAZ8qAfCrVICE9/7A
H0B7fb9SFEyLlZ90nxypVkcOe7HPj3KFr0qv4HEx2s/77lyfUvtA2dAsu49FEbek1l+wAX
etgW3UAb+MX3vmLzjJIb9kiS3iHiSRZ9Kl8Be0AAYh3ex0mh8Dty5fy9Bu5pcTbQUCyp9s
N0lHO6gVohK5A53qSLybMpV4/ob3pntdK2Dt20YV2wt7Egju6EUWIBY0XQUV5LireXyQxF
cZUXeFUZIWqr8EKaP/7xmuAbtC5Mg46jfK4G6t1Za0OqDiYIaLHToC6VOtmZJkDeUn4gdp
zUA4HM/RwE+YHpR/13/VkBkxSGMEHtXiw+zGj58neVFdAAAAgAnjMn2NHOpPRK2kNJF+/P
+V9erYISCgtLrQxKUHPUCuXap/JDbFU5bcwrJg9NfUqbQkLSZLY3kyPFHRsFA+sul/bMeh
ACuS08qXQOjZsYLa9wEe5Ou7DwLwCI2Nq0rED0JuNHTbhkffRb070WOedWGIAW/Vt1Pvkn
d5xYfyFPsRAAAAgQC5fB825JAun1avJ47eaLyWU+PD+jPjhLGJCapWrMqzuSdNftahX0dy
VyqCo8GFJXUq79B+DkgE3lugvUKcWXvQPeHOpTnFfwJVORwmLKAes2oJ33bRsuhw0/Aulc
vWFxpMk7LVDtN45OXxVqTHKwNzEy68OvTvIhvw+KWeGget7QAAAIEAuBHvUbD4RBoFY+04
SuWecWou+d79rynuwwYY+zMNCyKLYI2RZpWPEKVlQiJHXMhLq1ZkWV3I5o2BoVtMVbAdCv
42r5IoaAY3RVXzsQ4a1zAW8BQMWOT/snR79kFqnro+myWP/idg2ehnqOorJE2S7XWzPRel
NSr+D/FlfCWibYsAAAABcgEC
-----END OPENSSH PRIVATE KEY-----
";
/// An ECDSA key.
pub(super) const ECDSA_PUBLIC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFicuIQ9VQMAlw85mPOpcAxBn58d4bzKmEgKz8xlynCmFWzKm2F5f03u3+Yk71VSgTHMZ1iR/vpCGvxvJOkpkBQ= e
";
/// Its private half.
pub(super) const ECDSA_IDENTITY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQRYnLiEPVUDAJcPOZjzqXAMQZ+fHeG8
yphICs/MZcpwphVsyptheX9N7t/mJO9VUoExzGdYkf76Qhr8byTpKZAUAAAAoFYZrzpWGa
86AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFicuIQ9VQMAlw85
mPOpcAxBn58d4bzKmEgKz8xlynCmFWzKm2F5f03u3+Yk71VSgTHMZ1iR/vpCGvxvJOkpkB
QAAAAgc+vtMVtZcQlyq+3wxGj/9I7oVG2YSNcIqxRG4/W+fHYAAAABZQECAwQFBgc=
-----END OPENSSH PRIVATE KEY-----
";
/// An ECDSA key with a passphrase.
pub(super) const ECDSA_ENCRYPTED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABASlnLuXG
TdeEVDOXb/mHMMAAAAEAAAAAEAAABoAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlz
dHAyNTYAAABBBE1U3CgtCRGHZRLbUbKT6HeKWi/jBI3JpF0EVaZ53EqRQL09yROeHPz5BW
3hTU65UTVImnUXx6aw3eWtq8ENER4AAACgXZaW9+cNqHI1SMQ3PuSDIGbnoWChGKgoZwQb
3Gd+PUEJeAHjELshdaf2PtSj5B/tkBefvI+pAp+9ARuQ+paFXl5NTHtTa2UswyGSJ2QG6n
UxYhbDdken3JjYafsk+V9OoFhpRYn4Ub8Otd23kK7QNObd+CpyzJw5KOKQXUmvU0n3UfTp
2q/W1PjAI/TEXxRyO23d20wwcV5Uh95VDi20Lw==
-----END OPENSSH PRIVATE KEY-----
";
/// As `ssh-keygen -l` prints it.
pub(super) const SSH_FINGERPRINT: &str = "SHA256:xzRfj1tC8Rno7eKUgb9b3qLk2IIwZdK1W0QXtVTR3d0";
/// As `ssh-keygen -l` prints it.
pub(super) const SSH_ENCRYPTED_FINGERPRINT: &str =
    "SHA256:W/BcX8eyVXtl4TIAkYI72VLMSnGXII2RZDKDhvHtORQ";

/// Curve25519's points of small order as age keys; the checksums are right.
pub(super) const WEAK_AGE: [&str; 7] = [
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
];

/// The base point of Curve25519, not reduced.
pub(super) const NON_CANONICAL_AGE: &str =
    "age17mlllllllllllllllllllllllllllllllllllllllllllllllalsxajvgg";

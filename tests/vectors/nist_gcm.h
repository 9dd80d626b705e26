// AES-GCM known answers from NIST CAVP "gcmtestvectors" (CAVS 14.0, gcmEncryptExtIV*.rsp and gcmDecrypt*.rsp): 96-bit IVs, the
// three tag lengths of RFC 4106, text of 0, 13 and 51 bytes. The decryptions are those NIST marks FAIL.
#pragma once

namespace ipsecgw::vectors {

struct NistGcm {
    const char* key;
    const char* iv;
    const char* aad;
    const char* plaintext;   // null: the tag must not verify
    const char* ciphertext;
    const char* tag;
};

inline constexpr NistGcm kNistGcm[] = {
    // gcmEncryptExtIV128, PTlen 408, AADlen 160, Taglen 128, count 0
    {"fe47fcce5fc32665d2ae399e4eec72ba",
     "5adb9609dbaeb58cbd6e7275",
     "88319d6e1d3ffa5f987199166c8a9b56c2aeba5a",
     "7c0e88c88899a779228465074797cd4c2e1498d259b54390b85e3eef1c02df60e743f1b840382c4bccaf3baf"
     "b4ca8429bea063",
     "98f4826f05a265e6dd2be82db241c0fbbbf9ffb1c173aa83964b7cf5393043736365253ddbc5db8778371495"
     "da76d269e5db3e",
     "291ef1982e4defedaa2249f898556b47"},
    // gcmDecrypt128, PTlen 408, AADlen 160, Taglen 128, count 2
    {"52bdbbf9cf477f187ec010589cb39d58",
     "d3be36d3393134951d324b31",
     "93c4fc6a4135f54d640b0c976bf755a06a292c33",
     nullptr,
     "700188da144fa692cf46e4a8499510a53d90903c967f7f13e8a1bd8151a74adc4fe63e32b992760b3a5f99e9"
     "a47838867000a9",
     "8ca4e38aa3dfa6b1d0297021ccf3ea5f"},
    // gcmEncryptExtIV128, PTlen 0, AADlen 384, Taglen 128, count 0
    {"99e3e8793e686e571d8285c564f75e2b",
     "c2dd0ab868da6aa8ad9c0d23",
     "b668e42d4e444ca8b23cfdd95a9fedd5178aa521144890b093733cf5cf22526c5917ee476541809ac6867a8c"
     "399309fc",
     "",
     "",
     "3f4fba100eaf1f34b0baadaae9995d85"},
    // gcmDecrypt128, PTlen 0, AADlen 384, Taglen 128, count 0
    {"748146a0b1d5e9b6facdd95e8a3295be",
     "99e8394910c21207541ca90c",
     "5ce0d8dbac8a82fa8dd7aec334b81301b31ab49f3b40a1857cc540a1d992f27f80945dfcb4730dc81ddfd32d"
     "ee1825d6",
     nullptr,
     "",
     "847292904038c42168adf62011dc790e"},
    // gcmEncryptExtIV128, PTlen 104, AADlen 128, Taglen 128, count 0
    {"dfefde23c6122bf0370ab5890e804b73",
     "92d6a8029990670f16de79e2",
     "a2b16d78251de6c191ce350e5c5ef242",
     "64260a8c287de978e96c7521d0",
     "bf78de948a847c173649d4b4d0",
     "9da3829968cdc50794d1c30d41cd4515"},
    // gcmDecrypt128, PTlen 104, AADlen 128, Taglen 128, count 1
    {"2aa3dfcef68c333d0f03cbbb60a2dac8",
     "667a61d732780f5694128daf",
     "227f0dddc71aa2cc20c901fcb8db0e15",
     nullptr,
     "9fade7c433cb44d5ebec14095d",
     "85f30c02962900f8891a9b6987172256"},
    // gcmEncryptExtIV128, PTlen 408, AADlen 160, Taglen 96, count 0
    {"c476bd4e3ecff8c2f8a8fee734526574",
     "1e46088fbabc814f69655c02",
     "f74f0a8b09ea6dcf92aae8fe1de010da392e62cd",
     "99fd4cfd8f44659f18d8fe70ddfa5d3d069ddc0059a3328c442d09d08554ac39233cd700c4820007b5091e57"
     "220ee1da1db301",
     "ab538de082910ad59ab524643f497cc1920e1c4ffcb13861f931583b4bd92d01b4ceecb8684ffef8221dcdf3"
     "836c761a9cfe36",
     "f813dc70f36471c543e20d68"},
    // gcmDecrypt128, PTlen 408, AADlen 160, Taglen 96, count 1
    {"cdaa4a697f5032e007068338d72eda18",
     "428b67a4a26c073ad0577d27",
     "acaaa60c9da42dd4e6c326ab265bdc6047547c7c",
     nullptr,
     "2aa86a99bf242eb32f44ac0822175da23173a4e87e56a8361aca9780616e296dad95af8ddaf739f2df003136"
     "5ce6f4bbe1b0e8",
     "67507db31a70bb52e587afa8"},
    // gcmEncryptExtIV128, PTlen 0, AADlen 384, Taglen 96, count 0
    {"c77acd1b0918e87053cb3e51651e7013",
     "39ff857a81745d10f718ac00",
     "407992f82ea23b56875d9a3cb843ceb83fd27cb954f7c5534d58539fe96fb534502a1b38ea4fac134db0a42d"
     "e4be1137",
     "",
     "",
     "2a5dc173285375dc82835876"},
    // gcmDecrypt128, PTlen 0, AADlen 384, Taglen 96, count 0
    {"f3d4269e73498f9750f1b9ecb0c81dd0",
     "ba09ce9d7c1610be5bd3d138",
     "1c1b39dfb7d1e472f9f8772b74720fdd7f7c60e57372f7ede6efd31a345ce5c69379dd7dc7182e975e947c76"
     "9b6a45c2",
     nullptr,
     "",
     "c79ac4f3f4963b15619c97f8"},
    // gcmEncryptExtIV128, PTlen 104, AADlen 128, Taglen 96, count 0
    {"1efb999a6e6321c473bddc598838a93b",
     "1571c934050479cb19743c6c",
     "78ebc32a9e8ecbf0805c55a63b791b2f",
     "9da0445b68a66bd98b80ab178b",
     "c10c4eba4857af5856e531f1a0",
     "e2e20d097a3e6fe7a2a7fe89"},
    // gcmDecrypt128, PTlen 104, AADlen 128, Taglen 96, count 0
    {"5de854554a9dd09594b9607d1a2765cf",
     "e04d5e5bc1e4929b6763c657",
     "76cc5d9d940611aa0d6597fde8bbb05b",
     nullptr,
     "727c5c319d13fd5a99515ccfe6",
     "530a8e2e6654e9da3e1448f9"},
    // gcmEncryptExtIV128, PTlen 408, AADlen 160, Taglen 64, count 0
    {"a23fa086472b1e881e5f31d05db3450a",
     "903110cea4b8b4ec66eedd08",
     "0659b0ed2203a803d3102f049ced636f18da4614",
     "b8d92413ca9a7c219280c3bf0d65356b682ce5737d216c314fa973812e37d565db716f51f10c3fdb109f2c36"
     "83c2130e7df35b",
     "efde6f2a64f0f593993f42a6d023eda00e10a7ed2ab33a633739a570163cfd1f1b252b50e7cbe486cf198e23"
     "4854c7d240bb2f",
     "ef1c6117eeb86e09"},
    // gcmDecrypt128, PTlen 408, AADlen 160, Taglen 64, count 2
    {"af484053d326b18595c709ca59fc8418",
     "e6d96ea77df6ec39c38482f7",
     "b4195b0b0052696d677940ee5b3ce9b15d91f05d",
     nullptr,
     "27c2787fb26fe38f1802df76bfebefded8ca5b9f676ac05f25b632db62154799aaefe5fd0e0e8386ead81753"
     "e86ed16860fa5f",
     "36552f928a5ba746"},
    // gcmEncryptExtIV128, PTlen 0, AADlen 384, Taglen 64, count 0
    {"a05943f605470563043528153c07c4ee",
     "0c4ac1e4df5437ff40a7417e",
     "cdb7eaed8ee623767b42011c4e4d4cd62b348a8ab68ce7c7f848f3b6b828f92ccfb6e27bd4fdcb892ed1fe70"
     "1f91f0ec",
     "",
     "",
     "d024e82511880474"},
    // gcmDecrypt128, PTlen 0, AADlen 384, Taglen 64, count 1
    {"7887ff22a2f7792a3d79dbae51a7a29a",
     "e4aefe34ca9daba9eae0d370",
     "9751465649616d0ff555ba70fe73ba9e9b031545bbae2efa352d3290f19c4c89fd6aaeec042f992a1896b68e"
     "cbf79514",
     nullptr,
     "",
     "f930815580495144"},
    // gcmEncryptExtIV128, PTlen 104, AADlen 128, Taglen 64, count 0
    {"f9844de997835781b9ff71752a96a539",
     "0614849226f61da4111f63ce",
     "46af9fdc3266745be4629e866945ce69",
     "8e8678d6f5ec116360f67980c0",
     "256e4169994a9d9d6f67a05f80",
     "aad3a268c2470495"},
    // gcmDecrypt128, PTlen 104, AADlen 128, Taglen 64, count 0
    {"5ac6b749cc73ebea439dbb640de57e74",
     "30d56c334754c1afbddd6f4d",
     "16ca0b6492fc060b2f8896c697b76031",
     nullptr,
     "1fd6f6fd70d43e518ed69dce7b",
     "cc83bf954286840d"},
    // gcmEncryptExtIV192, PTlen 408, AADlen 160, Taglen 128, count 0
    {"9900227ae0fccbb0d35ecf954629c969f36e539399f32ebe",
     "1398992bfbd63149c14ba2a2",
     "788b6885feff23fc27bf9c462877b642ba1aa68d",
     "9d4227eed28b9738f21541c4755a923a43ba20d6f3d6a6b7e31e56f1502f5e93ed4c00511c6a7daeb0281ab9"
     "47e91756638154",
     "7b6ee7dd98eda9b20edb414711d9710de402b01950a6712e5809f608f7c0aa0fba4098f145fea6886d7baf51"
     "fcd182c8febf49",
     "f22c7c21f5ece2de684821092194f26c"},
    // gcmDecrypt192, PTlen 408, AADlen 160, Taglen 128, count 0
    {"39ee8afdc515cd2fed1e016df1d08c48d01b5ce7c799b32a",
     "72c9f8b19dca43db33a46cba",
     "e3158d92ef610031a9eae01742345dd890cdb65d",
     nullptr,
     "faa0f2639391ae8de58b74d1c4ecb85d8c3a254ac11795101b5a888db5f203e6551675a75d958b995c585694"
     "cb5fbd548ed142",
     "6f2351bfc1f2a16f54481a01eb9d37ba"},
    // gcmEncryptExtIV192, PTlen 0, AADlen 384, Taglen 128, count 0
    {"a83ac82554d5c3475d03514a9421c409ccad9bc44a5f8307",
     "38aa26f7b68dc674cae90b84",
     "0397a714939f55c18da013271348bd231e14d07f397ca0db20d3a77c42f3f41c25c64fd93bd3bd9fcd355a0b"
     "de4f1961",
     "",
     "",
     "e48b36dc683f32dbae3b13c3adb1b789"},
    // gcmDecrypt192, PTlen 0, AADlen 384, Taglen 128, count 0
    {"e6734e0fec2f7547014b733ed34af2dd00b7f83b48cf7edf",
     "a913bb13906266d2169ab85d",
     "c2a2bed98dd5d72f57464d8c85eb79b9eb24061b44909ed99f3f1462b17d76b7a52443216cf05e68c62fa960"
     "a2f0b0a2",
     nullptr,
     "",
     "3c3afa4073b3ea1081ade19e9d019cbc"},
    // gcmEncryptExtIV192, PTlen 104, AADlen 128, Taglen 128, count 0
    {"5daa8910d9dc5068f2f55c163986d071452344a5eac5a805",
     "8f88d70e250dbf1282413fd7",
     "3b3bbb2ccd76236f074eecc19f341057",
     "4235e42f32cff44a507dd8a366",
     "e92df9d2fd436ed254fa92789c",
     "4cdddb4a9546a8d73afc9f5e46a926f3"},
    // gcmDecrypt192, PTlen 104, AADlen 128, Taglen 128, count 0
    {"f0e42efd343101a94dc6d9abbb2941dca7a73c9df4b297e3",
     "1bf20564149bae7cdfc92f45",
     "26948e6626799b0e86d11b7f0819adfd",
     nullptr,
     "5c4e3332ded5c0d25f616f9d73",
     "40876307c546a85f5ff2958fa2ac8c33"},
    // gcmEncryptExtIV192, PTlen 408, AADlen 160, Taglen 96, count 0
    {"3b184130137c8d55398ea8ad04d7b8be1998f678b94a263b",
     "061480c140459e48098ea2bc",
     "f53803c456d6c50051bdf795d4cdd73e14f2dba1",
     "be297b7f87bcb5c97dbc2704bce5ec992a4f8c2057c83d5e929ce72b0d7b5137836215b3f609119615969334"
     "0befb012f4f5dd",
     "c6a6b9c5ba4e9826cc66a4277429294f4d9db6675492fda73c391ace3f8ab321491bd1f19a5cd3a3c0d9c0b0"
     "569d30a3498f3e",
     "39db69a7e08aa68064dbd22f"},
    // gcmDecrypt192, PTlen 408, AADlen 160, Taglen 96, count 2
    {"1ecb68c3514c17840e75cd42620a4b584c2f9df578e5f603",
     "19a3b0d6591f590610cc1b59",
     "af32be5ccb427f07c06465b7835825fbeb3d029c",
     nullptr,
     "1c9a8ca33403057c23719558c8bc89d2a8d8531ce008cc342bb3392bc9d6dff3f54a734fa38102d0f80be95a"
     "95c488d5cb72a7",
     "74dc505aa42ab8da560f53f2"},
    // gcmEncryptExtIV192, PTlen 0, AADlen 384, Taglen 96, count 0
    {"211078f377f865cf40e41cb7c5ebf1fb84c5c42a1b5c743a",
     "85e0ad9749ddda0078f32fd8",
     "66c18d0693ca027dc16cb054a3d2dabdea1d57190ac785a27fbf3d42cec38ebf870c5a4d0512d6ad21ce2abd"
     "3bf3dbd2",
     "",
     "",
     "a23bdbe29443bf3d403dfd7d"},
    // gcmDecrypt192, PTlen 0, AADlen 384, Taglen 96, count 0
    {"3e9892c98cc3df1791c4293306db522efe9a2eb714b5772f",
     "7bc193bb5eb3b598efc1b1e9",
     "c024fbd47849bea16fac523068205063a241797373fdaa354c28fdbb964f2ad84acb6412c99c7dce9c59347c"
     "d7a29e0a",
     nullptr,
     "",
     "ed4e2b506c62db43df2ce571"},
    // gcmEncryptExtIV192, PTlen 104, AADlen 128, Taglen 96, count 0
    {"5b689f5d0c3c395bc3ff44752782689a3dc7a0b9bbc555fd",
     "d88bb363fe10c571e19e753f",
     "b9820269e041ebff56b8cd2fb26e070d",
     "0da7f6d3d82049a00be90de59c",
     "94e766cb81370e323ae6cec064",
     "2a54b279b2dab1bb9a821fd4"},
    // gcmDecrypt192, PTlen 104, AADlen 128, Taglen 96, count 0
    {"254377d14af316284ddd3610d0ddf5c1d89e124b8e4e0f81",
     "ecf91a3ad09d15ebc5fb9db5",
     "78d8412f225d7447a59d7b2bab723164",
     nullptr,
     "765b25b2ba899113229d49caa9",
     "d033d58920dfb05f9d193271"},
    // gcmEncryptExtIV192, PTlen 408, AADlen 160, Taglen 64, count 0
    {"c0123f5dd2ee2305d4dde101befe9b770093d3ee4abec0bf",
     "8c4cd1d9964468a6098d0f62",
     "a5adbca92c3b9397dea0acf2d078efb4cdd996d5",
     "78c8879185c352a4b4cee55013c4d912bc40f93119e9c45ee169b7f5bc528ad2ae8adf227176b53ca0c0898c"
     "77be5639421a7c",
     "fe947054633684957fa71acfa052bfa1afd5526c2c1e214dc57b217948d7498c9cbb7ab2d3839937123ae8a5"
     "6bbf9120e3ee40",
     "bbc8fd2658a9741d"},
    // gcmDecrypt192, PTlen 408, AADlen 160, Taglen 64, count 4
    {"e143542253cd6a0c6049f5647771a357cd4f00e86a197480",
     "6d96224cec1ddb2bbfdaceea",
     "a947ecdf3d93e7e0ca0dedd77a845ae432239edb",
     nullptr,
     "43dcc12e2f8200ab45110ddef04c95f72a37c671f7c67f5cf11270b30b08524941707133997da97bb372266f"
     "524cb485426554",
     "1f2dced87b709753"},
    // gcmEncryptExtIV192, PTlen 0, AADlen 384, Taglen 64, count 0
    {"4b5f2d40593617a1469196ec2aad356ea388d7b09a78801b",
     "b8cb5267dcf58d49bf77a426",
     "b3de6cde97899008e07cc2eed361ae148c115077efbeb568b5684eb7bc768d26514cbc40c09840eb6538b82e"
     "37d9a8fd",
     "",
     "",
     "a89b26e9c1e83682"},
    // gcmDecrypt192, PTlen 0, AADlen 384, Taglen 64, count 3
    {"e6666a298ca99a60aa0a50adb652df34c44b053b78525ee4",
     "ba14ef6e72074c5763429c7e",
     "5f3bb09a27cdb5ed131b93fa478f1bc1c63ce172b63e844b057ee2e599b750a43d1fcc7c3849e0c19d67eb16"
     "f1faa7da",
     nullptr,
     "",
     "d72cffd7e6e16d65"},
    // gcmEncryptExtIV192, PTlen 104, AADlen 128, Taglen 64, count 0
    {"a574f8b7dc792f69fb315bd975cb30f54f7645d395f7b411",
     "f03c618122d40c7e88ac5e6c",
     "da0e910b058ce4fa6e625d14b113a9cc",
     "2aa98b30f66ce60b6c42b7c86d",
     "0aef1a1104c0d5ddb0171c816f",
     "02c6cc89e79b81b3"},
    // gcmDecrypt192, PTlen 104, AADlen 128, Taglen 64, count 1
    {"d4e5be6676fcf0914fd78dc5d9e4289ac6c48831e23c6ff5",
     "0b3318b957e730960bec9f34",
     "8a797c70d56fee6126d12c4c50004afa",
     nullptr,
     "e6d132a2485d7d5f422307bd4f",
     "36c002420335759c"},
    // gcmEncryptExtIV256, PTlen 408, AADlen 160, Taglen 128, count 0
    {"24501ad384e473963d476edcfe08205237acfd49b5b8f33857f8114e863fec7f",
     "9ff18563b978ec281b3f2794",
     "adb5ec720ccf9898500028bf34afccbcaca126ef",
     "27f348f9cdc0c5bd5e66b1ccb63ad920ff2219d14e8d631b3872265cf117ee86757accb158bd9abb3868fdc0"
     "d0b074b5f01b2c",
     "eb7cb754c824e8d96f7c6d9b76c7d26fb874ffbf1d65c6f64a698d839b0b06145dae82057ad55994cf59ad7f"
     "67c0fa5e85fab8",
     "bc95c532fecc594c36d1550286a7a3f0"},
    // gcmDecrypt256, PTlen 408, AADlen 160, Taglen 128, count 0
    {"e9d381a9c413bee66175d5586a189836e5c20f5583535ab4d3f3e612dc21700e",
     "23e81571da1c7821c681c7ca",
     "6f39c9ae7b8e8a58a95f0dd8ea6a9087cbccdfd6",
     nullptr,
     "a25f3f580306cd5065d22a6b7e9660110af7204bb77d370f7f34bee547feeff7b32a596fce29c9040e68b158"
     "9aad48da881990",
     "5b6dcd70eefb0892fab1539298b92a4b"},
    // gcmEncryptExtIV256, PTlen 0, AADlen 384, Taglen 128, count 0
    {"f4069bb739d07d0cafdcbc609ca01597f985c43db63bbaaa0debbb04d384e49c",
     "d25ff30fdc3d464fe173e805",
     "3e1449c4837f0892f9d55127c75c4b25d69be334baf5f19394d2d8bb460cbf2120e14736d0f634aa792feca2"
     "0e455f11",
     "",
     "",
     "805ec2931c2181e5bfb74fa0a975f0cf"},
    // gcmDecrypt256, PTlen 0, AADlen 384, Taglen 128, count 0
    {"8a7425bf862b2ea030c3c365a04a2d5bb537f317f091766743effc628d81bbf5",
     "d48dbe98ce2548c0e7bcd1e5",
     "bb8c00e42e217118c9b86deb3663943cad0b256a40f74dfb3af36ea040b4ccaaadb507604dfd0e214419b9b3"
     "94802d9b",
     nullptr,
     "",
     "9f83a8fd4146dc53909ddc4c09f50ba8"},
    // gcmEncryptExtIV256, PTlen 104, AADlen 128, Taglen 128, count 0
    {"dad89d9be9bba138cdcf8752c45b579d7e27c3dbb40f53e771dd8cfd500aa2d5",
     "cfb2aec82cfa6c7d89ee72ff",
     "6e43784a91851a77667a02198e28dc32",
     "b526ba1050177d05b0f72f8d67",
     "8b29e66e924ecae84f6d8f7d68",
     "1e365805c8f28b2ed8a5cadfd9079158"},
    // gcmDecrypt256, PTlen 104, AADlen 128, Taglen 128, count 0
    {"81e196b20b71adb6a239b580e51474137c8dc8d17764745fd02ceb456b6b5624",
     "65cc53fa7eac34c557e72e87",
     "f1c22cb0a2c33e7743ef355b6795830b",
     nullptr,
     "5c70d88ac4e9404539e85623ab",
     "3ba8bf8228e4b2aca5adc8f3273a1b41"},
    // gcmEncryptExtIV256, PTlen 408, AADlen 160, Taglen 96, count 0
    {"fd17fcb1d6fe1dca0d75fc26824a4e9286886fec83d56e02cabbb2b37a33a377",
     "97ae56d9d1224c5d1491ce13",
     "d29df4f2846a13e427e67679644d25282355ab69",
     "48ae872cb2eeefc0078b6cc484fd32423dd9136b0d09e2f92fadef8d3118fba24fa1fc3d208dcc666cc50406"
     "377ab577a0fa06",
     "770b8883e0af9e410431121569ce83f21f32be7ff8f89413b0263440c084f2cbfa3258c62d1ddd70043c42cb"
     "74412548e9e5e6",
     "7f4adaad38c1a823c0b2ecb4"},
    // gcmDecrypt256, PTlen 408, AADlen 160, Taglen 96, count 1
    {"013a4062beb51d4d9a32c41c8f028d5ba63baa47106582d5eb999b7ddf770da8",
     "94ee8dd1c71d167ec46fb695",
     "f44391afc693de3eb1b3b96fd8a04686b0d5e05b",
     nullptr,
     "c28eb72f3b084031a60053a5354220af319e5ad63a6027eb9c350539f6485b336fda6d36cdbaacf88034c7ac"
     "256f5ac7fec665",
     "c8aff5b63a61e0af16919f7a"},
    // gcmEncryptExtIV256, PTlen 0, AADlen 384, Taglen 96, count 0
    {"d3800ab29f91eb367c9d201c9933a6d19dd5d8664b430c5a105e8dfc0a206067",
     "dea1eae25d309f8d9939f7cb",
     "940c27e027ff7e65049bc6c526abb60d3dc06bae4b50a95871321902d21a922f207a24e87fdbf135b2e4a3a2"
     "dce1bfd9",
     "",
     "",
     "4374d189859b69012163db65"},
    // gcmDecrypt256, PTlen 0, AADlen 384, Taglen 96, count 1
    {"b82bd404b252a1424cd7f91d8dbe8ff2ecda401ab004ca6a7ce2b7094e817a6e",
     "1817cc4194ad1d910157401c",
     "3b2fc536cf8015d804bfb711e8cdab8aaac035ae815298f592b4f7d8cc15197f5e932f99b944c307a83e29e0"
     "a2cacb64",
     nullptr,
     "",
     "0d663e8f778fc32fc0b183c2"},
    // gcmEncryptExtIV256, PTlen 104, AADlen 128, Taglen 96, count 0
    {"586a41514a5d86abe03c375b6771c4228b316ffdc4c717e18a8403d1d74ecc4d",
     "bea1761d0bdfd0659c7e5ace",
     "c5e3d5aff6c9ddbec333ac515f56f61b",
     "d6b0d28dc982c82f617f1a0330",
     "0c651e00a1f5e9584ec7afe24b",
     "cdc05bd8e15fac64145c68b4"},
    // gcmDecrypt256, PTlen 104, AADlen 128, Taglen 96, count 2
    {"56ca5870768d6c345a60b63edad812a8f8e0a6bf956ee771ae9abfd8ce1c7f0c",
     "43c4566b9a44fa1c415f49cd",
     "feccbc42c6b51f3b7ed04fda95bb72ff",
     nullptr,
     "de1b1f451715eaa2ff4d8c63f9",
     "97c92a189c9ebc00c8456805"},
    // gcmEncryptExtIV256, PTlen 408, AADlen 160, Taglen 64, count 0
    {"3e622cbbe9534251ec6bd894e2f9b5c368adbe106441dab1a78e8c75c54cbefe",
     "ce7a9d7e1f4bc7d2db342d21",
     "13411c616db94c8bbd082b9cfc63d6989e16b18d",
     "c3f5106130f0a19db3c1734ef76345bd080840223356614d97091522aa97967acf4b973fed9a84672be70101"
     "2cfcce4221b6ac",
     "b5b107460baad41fe1928cc5390312ad6921bcacc1392b8fd45aef0532ff097e94dca0321b3450f1f4705864"
     "315df8214c7f82",
     "37c944831e01d860"},
    // gcmDecrypt256, PTlen 408, AADlen 160, Taglen 64, count 0
    {"183f141b80f940a7a13ceaadebbffa658f5f9b511110ff3acc50508e61327f14",
     "93d67a2762392fe71b3f0af3",
     "df1498b287b8097b8d656b56b1817187d8a86dd1",
     nullptr,
     "b07833f4d5bee86ed4350215a3bae2ce1551b38410a456f82452a79ab8ca99c6d9680c7b88ee7e6d0fc05cc5"
     "18831ec9d6dd93",
     "7935a519be85bc15"},
    // gcmEncryptExtIV256, PTlen 0, AADlen 384, Taglen 64, count 0
    {"baa926b8cf350064637be6ab76541d4970ad6e9c9cebf45387453e928a849ef3",
     "18eeff82997d9a8520bcaf94",
     "96a9a360c34f9b0d00f09e4dd111a5e7c9576541e72d79b9eaa8316b61b471a66280265db5370424072baca2"
     "24241ad4",
     "",
     "",
     "7a94e8d8701e03ba"},
    // gcmDecrypt256, PTlen 0, AADlen 384, Taglen 64, count 0
    {"d7ce84c96dc560dde4e13c629a0c18e6f2bb1c8ae002050db346a87544c9d845",
     "ca03f858fb9cf763449aeddf",
     "8f9922d50f6e784f5e1117587914059c20268ebd620c852ebb84f970c0681b2e120aa70b5bee311ef220ef75"
     "b788d79d",
     nullptr,
     "",
     "9f6daecd81c38caa"},
    // gcmEncryptExtIV256, PTlen 104, AADlen 128, Taglen 64, count 0
    {"eae0d0d2d4641dd6165a6da368a4993fd1c8e545ea703aa1474dd2595ecbc3d8",
     "a3cdeacd28162a26e7fb249e",
     "3ceb81d0fefc4e0aa378fac729bd41a1",
     "24ff47f83342fefc6d164c7bd6",
     "ad4b9564c3450328775f5a2a0f",
     "d7b6a5f8efbeaa9b"},
    // gcmDecrypt256, PTlen 104, AADlen 128, Taglen 64, count 0
    {"f942fb59bd7c425ce2d07268368d35c687786838c944edb74c1420f9f54e1e92",
     "d78e753b3918238e0e4469fa",
     "93ce68928b10151a5218229986a71ffe",
     nullptr,
     "b106e67c115cf22c4bd23046a1",
     "39d9741caa336a5f"},
};

}  // namespace ipsecgw::vectors

#!/bin/sh
# Spring Authorization Server 7.0.6 (Spring Boot 4.0.7): a second signing key in the JWKSource, published ahead of a rotation as is usual, stops every token.
# NimbusJwtEncoder selects by algorithm, refuses to choose between two RSA keys, and the token endpoint answers with a redirect to the login page. The log
# says why, and names a class that does not exist, NimbusJwsEncoder#setJwkSelector. With a bean of JwtEncoder whose setJwkSelector takes one of the
# list, tokens go on. 1.5.3 (Spring Boot 3.5.7) does the same.
# Seen: one key: 200; two keys: 302 to /login; two keys and a selector: 200.
# Exits 0 while that is so. Needs Java 17 and Maven.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
    <version>4.0.7</version>
  </parent>
  <groupId>try</groupId>
  <artifactId>try</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.springframework.boot</groupId>
      <artifactId>spring-boot-starter-security-oauth2-authorization-server</artifactId>
    </dependency>
  </dependencies>
</project>
XML
cat > Try.java <<'JAVA'
package site;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.SecurityContext;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.oauth2.jwt.JwtEncoder;
import org.springframework.security.oauth2.jwt.NimbusJwtEncoder;

@SpringBootApplication
public class Try {
  static final List<JWK> keys = new CopyOnWriteArrayList<>();
  static boolean selects = false;

  @Bean
  JWKSource<SecurityContext> source() {
    return (selector, context) -> selector.select(new JWKSet(keys));
  }

  @Bean
  JwtEncoder encoder(JWKSource<SecurityContext> source) {
    NimbusJwtEncoder usual = new NimbusJwtEncoder(source);
    NimbusJwtEncoder selecting = new NimbusJwtEncoder(source);
    selecting.setJwkSelector(fitting -> fitting.get(0));
    return parameters -> (selects ? selecting : usual).encode(parameters);
  }

  static void addKey() throws Exception {
    keys.add(new RSAKeyGenerator(2048).keyUse(KeyUse.SIGNATURE).algorithm(JWSAlgorithm.RS256).keyIDFromThumbprint(true).generate());
  }

  static String ask(String port) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/oauth2/token"))
      .header("Authorization", "Basic " + Base64.getEncoder().encodeToString("back:secret".getBytes()))
      .header("Content-Type", "application/x-www-form-urlencoded")
      .POST(HttpRequest.BodyPublishers.ofString("grant_type=client_credentials")).build();
    HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    return answer.statusCode() + answer.headers().firstValue("Location").map(location -> " to " + URI.create(location).getPath().replaceFirst(";.*", "")).orElse("");
  }

  public static void main(String[] args) throws Exception {
    addKey();
    String port = SpringApplication.run(Try.class, args).getEnvironment().getProperty("local.server.port");
    String one = ask(port);
    addKey();
    String two = ask(port);
    selects = true;
    String selected = ask(port);
    System.out.println("RESULT one key: " + one + "; two keys: " + two + "; two keys and a selector: " + selected);
    System.exit(one.equals("200") && two.equals("302 to /login") && selected.equals("200") ? 0 : 1);
  }
}
JAVA
cat > application.yaml <<'YAML'
server: { address: 127.0.0.1, port: 0 }
spring.security.oauth2.authorizationserver.client.back.registration:
  client-id: back
  client-secret: "{noop}secret"
  client-authentication-methods: client_secret_basic
  authorization-grant-types: client_credentials
YAML
mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=lib
javac -parameters -cp 'lib/*' -d . Try.java
status=0
timeout 120 java -cp '.:lib/*' site.Try > log 2>&1 || status=$?
grep -o 'Failed to select a key.*' log | head -1
sed -n 's/^RESULT //p' log
exit "$status"
